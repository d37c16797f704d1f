"""The video experiment and its script, from end to end on a few clips of small digits."""

import json
from dataclasses import replace

import av
import jax
import numpy as np
import pytest
from data.small_digits import load
from data.test_video_sets import TinyClips, folder  # noqa: F401 - a fixture
from flax import nnx
from PIL import Image
from tolerances import FIRST_STEPS, FLOAT32
from train.two_steps import check_two_by_four

from experiments import _told_clips, video
from nnarch import train
from nnarch.models.frame_encoder import FrameEncoderConfig
from scripts import clips as clip_files
from scripts import describe as describe_script
from scripts import evaluate as evaluate_script

CONFIG = video.Config(
    train=train.TrainConfig(
        steps=2, warmup_steps=1, learning_rate=1e-2, mesh=train.MeshConfig(data=1)
    ),
    model=video.VideoCaptionerConfig(
        hidden=16,
        embedding=16,
        attention=8,
        frames=FrameEncoderConfig(features=16, widths=(4, 8), strides=(4, 2), dropout=0.0),
        dropout=0.0,
    ),
    data=video.DataConfig(frames=16, batch_size=8, validation=6, test=8),
    decode=video.DecodeConfig(max_length=7, batch_size=8),
)
DECODERS = ("s2vt", "mean_pool", "attention")


@pytest.fixture(scope="module", autouse=True)
def small():
    """The digits of this file instead of MNIST."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_told_clips.mnist, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    for cached in (_told_clips.read, _told_clips._cast, video.baselines):
        cached.cache_clear()


def with_decoder(decoder, memory="motion"):
    return replace(CONFIG, model=replace(CONFIG.model, decoder=decoder, memory=memory))


ATTENTION = with_decoder("attention")


@pytest.fixture(scope="module")
def workdir(small, tmp_path_factory):
    """A run of two steps."""
    place = tmp_path_factory.mktemp("runs") / "attention"
    description = {"experiment": "video", "config": train.to_json(ATTENTION)}
    train.fit(video.build(ATTENTION), ATTENTION.train, place, description=description)
    return place


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(video.build(ATTENTION), workdir)[0]


def created(config):
    model = video.build(config).create(jax.random.key(0))
    model.eval()
    return model


@pytest.mark.parametrize(
    ("decoder", "memory"),
    [("s2vt", "motion"), ("mean_pool", "motion"), ("attention", "recurrent")],
)
def test_word_by_word_scores_are_those_of_whole_sentences(decoder, memory):
    model = created(with_decoder(decoder, memory))
    batch = video.build(CONFIG).batches.batch(0)
    clips = np.float32(batch["picture"][:2]) / 255
    tokens, lengths = batch["tokens"][:2, :6], np.full(2, 6, np.int32)
    whole = model(clips, tokens, lengths)
    state, before = model.begin(clips), np.full(2, model.start, np.int32)
    for place in range(6):
        logits, state = model.step(state, before)
        np.testing.assert_allclose(logits, whole[:, place], **FLOAT32)
        before = tokens[:, place]


@pytest.mark.parametrize("decoder", DECODERS)
def test_mean_pooling_alone_does_not_see_the_order(decoder):
    """Attention sees it through what moves around a frame."""
    model = created(with_decoder(decoder))
    clips = np.float32(_told_clips.read(CONFIG.data).splits["test"].pictures[:2]) / 255
    tokens = np.full(2, model.start, np.int32)
    one_way, backward = (model.step(model.begin(c), tokens)[0] for c in (clips, clips[:, ::-1]))
    assert np.allclose(one_way, backward, **FLOAT32) == (decoder == "mean_pool")


def test_decoders_have_models_of_one_size():
    sizes = []
    for name in ("default", "mean_pool", "attention"):
        config = replace(video.PRESETS[name], data=CONFIG.data)
        model = nnx.eval_shape(video.build(config).create, jax.random.key(0))
        sizes.append(sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))))
    assert sizes[0] == sizes[1] == pytest.approx(sizes[2], rel=0.005)


def test_sentences_keep_the_order_of_clips_over_batches(model):
    clips = _told_clips.read(CONFIG.data).splits["test"].pictures
    told = video.tell(ATTENTION, model, clips)
    assert video.tell(ATTENTION, model, clips[::-1]) == told[::-1]


def test_the_order_is_what_is_done_by_whom_whatever_they_are_called():
    true = "the three moves left then the seven falls"
    told = {
        true: (100, 100),
        "the two moves left then the one falls": (100, 0),
        "the seven falls then the three moves left": (0, 100),
        "the seven rises then the three moves right": (0, 100),  # the clip backward
        "the three moves left then the three falls": (0, 0),
        "the three moves left": (0, 0),
        "three left then": (0, 0),
        "": (0, 0),
    }
    for said, (order, names) in told.items():
        assert video._order_figures([said], [true]) == {"order": order, "names": names}
    assert video._order_figures(["a man jumps"], ["a man jumps"]) == {}


def test_without_the_order_of_frames_half_is_to_be_had_at_most():
    """Whatever is told of a clip and of the same clip backward alike is right of one at most."""
    for name, split in _told_clips.read(CONFIG.data).splits.items():
        half = len(split) // 2
        sentences = [" ".join(each[0]) for each in split.captions[:half]]
        figures = video._figures(sentences * 2, split)
        assert (figures["order"], figures["exact_match"]) == (50, 50), name
        assert figures["names"] == 100
    beside = video.baselines(CONFIG)
    assert beside[video.AT_MOST]["test_combinations"]["order"] == 50
    assert set(beside["without looking"]) == {"test", "test_combinations"}


def test_a_look_has_a_share_of_each_frame_for_each_word(model):
    clips = _told_clips.read(CONFIG.data).splits["test"].pictures[:3]
    looked = video.look(ATTENTION, model, clips)
    told = video.tell(ATTENTION, model, clips)
    for each, said in zip(looked, told, strict=True):
        assert " ".join(word for word in each.told if word != "(end)") == said
        assert each.shares.shape == (len(each.told), 16)
        np.testing.assert_allclose(each.shares.sum(axis=1), 1, **FLOAT32)
    with pytest.raises(ValueError, match="--preset attention"):
        video.look(CONFIG, model, clips)


def test_two_steps_on_two_by_four_devices_are_those_of_one():
    check_two_by_four(video.build, CONFIG, FIRST_STEPS)


def test_a_run_goes_on_with_the_batches_that_it_would_have_seen():
    whole, later = (video.build(CONFIG).batches.iterator() for _ in range(2))
    next(whole)
    later.set_state(whole.get_state())
    for first, second in zip(next(whole).values(), next(later).values(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_presets_survive_json():
    for preset in video.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(video.Config, json.loads(text)) == preset


@pytest.mark.parametrize("wrong", [{"channels": 2}, {"test": 3}])
def test_clips_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"grey|even"):
        video.DataConfig(**wrong)


def test_evaluate_writes_figures_and_a_page_that_plays(workdir, capsys):
    assert evaluate_script.main([str(workdir), "--beam", "2"]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    assert set(figures) == {"test", "test_combinations"}
    assert {"order", "exact_match", "names", "bleu4", "cider"} == set(figures["test"])
    html = (workdir / "report" / "index.html").read_text()
    for said in ("Where it looked", "Combinations never seen", "without the order of frames"):
        assert said in html
    assert (workdir / "report" / "digits-never-seen-worst.png").exists()
    assert "without looking" in capsys.readouterr().out


def test_a_prepared_set_goes_the_same_way(folder):  # noqa: F811
    data = replace(
        CONFIG.data, name="tiny_clips/texts", frames=4, channels=3, size=16, folder=str(folder)
    )
    config = replace(CONFIG, data=data)
    task = video.build(config)
    batch = task.batches.batch(0)
    assert batch["picture"].shape == (8, 4, 16, 16, 3)
    model = created(config)
    assert set(task.validate(model)) == {"exact_match", "bleu4", "cider"}
    assert set(video.evaluate(config, model)) == {"test"}
    assert set(video.baselines(config)) == {"without looking"}


@pytest.fixture
def files(tmp_path):
    """Files of a clip of 24 x 48 pixels, and what is none."""
    clip = np.zeros((6, 24, 48, 3), np.uint8)
    for frame in range(6):
        clip[frame, 8:16, 6 * frame : 6 * frame + 8] = 255
    frames = [Image.fromarray(each) for each in clip]
    rest = {"save_all": True, "append_images": frames[1:]}
    frames[0].save(tmp_path / "clip.gif", duration=100, loop=0, **rest)
    frames[0].save(tmp_path / "clip.png", duration=100, **rest)
    write_video(tmp_path / "clip.mp4", clip)
    frames[0].save(tmp_path / "still.png")
    write_video(tmp_path / "still.mp4", clip[:1])
    (tmp_path / "empty.gif").touch()
    (tmp_path / "notes.mp4").write_text("no clip, " * 100)
    for name in ("clip.gif", "clip.mp4"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / f"cut_{name}").write_bytes(whole[:40])
    return tmp_path


def write_video(path, clip):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize("name", ["clip.gif", "clip.png", "clip.mp4"])
def test_clips_of_any_kind_have_the_frames_that_are_asked_for(files, name):
    frames = clip_files.read_clip(files / name, count=6, side=64)
    whole = _told_clips.fitted(replace(CONFIG.data, size=48), frames)
    assert whole.shape == (6, 48, 48, 1)
    assert whole.dtype == np.uint8
    assert not whole[:, :10].any()  # what is not square is centred on black
    for place, frame in enumerate(whole[..., 0]):
        bright = np.argwhere(frame > 128).mean(axis=0)
        np.testing.assert_allclose(bright, (12 + 12 - 0.5, 6 * place + 3.5), atol=1)
    twice = clip_files.read_clip(files / name, count=11, side=64)
    assert len(twice) == 11


def test_a_frame_that_lasts_longer_counts_for_longer(tmp_path):
    frames = [Image.new("L", (8, 8), level) for level in (0, 100, 200)]
    frames[0].save(
        tmp_path / "slow.gif", save_all=True, append_images=frames[1:], duration=[100, 800, 100]
    )
    read = clip_files.read_clip(tmp_path / "slow.gif", count=10, side=8)
    levels = [np.asarray(frame.convert("L")).mean() for frame in read]
    assert levels == [0.0] + [100.0] * 8 + [200.0]


def test_a_light_ground_becomes_dark():
    light = Image.new("RGBA", (20, 20), "white")
    light.paste("black", (5, 5, 15, 15))
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.paste("white", (5, 5, 15, 15))
    data = replace(CONFIG.data, size=20)
    one, other = (_told_clips.fitted(data, [frame] * 2) for frame in (light, clear))
    np.testing.assert_array_equal(one, other)
    assert (one[0, 0, 0, 0], one[0, 10, 10, 0]) == (0, 255)
    dark = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    dark.paste("black", (5, 5, 15, 15))
    np.testing.assert_array_equal(_told_clips.fitted(data, [dark] * 2), one)


def test_what_is_not_square_is_centred_on_its_own_ground():
    for ground, dark in ((60, 60), (200, 55)):
        frame = Image.new("RGBA", (20, 10), (ground,) * 3)
        clip = _told_clips.fitted(CONFIG.data, [frame] * 2)
        assert set(clip.flat) == {dark}


def test_describe_tells_clips_and_names_what_is_none(workdir, files, capsys):
    good = ["clip.gif", "clip.mp4"]
    bad = {
        "absent.gif": "is not there",
        "empty.gif": "is empty",
        "notes.mp4": "cannot be read as a clip",
        "cut_clip.gif": "",
        "cut_clip.mp4": "cannot be read as a clip",
        "still.png": "has 1 frame",
        "still.mp4": "has 1 frame",
    }
    names = [str(files / name) for name in (*good, *bad)]
    assert describe_script.main([str(workdir), *names]) == 1
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()] == names[:2]
    for line, name in zip(err.splitlines(), bad, strict=True):
        assert line.startswith(f"error: {files / name} ")
        assert bad[name] in line
        assert "Give an animated GIF or PNG" in line


def test_describe_draws_where_it_looked(workdir, files, tmp_path, capsys):
    clip, drawn = str(files / "clip.gif"), tmp_path / "map.png"
    assert describe_script.main([str(workdir), clip, "--attention", str(drawn)]) == 0
    with Image.open(drawn) as opened:
        assert opened.format == "PNG"
    drawn = tmp_path / "map.jpg"
    assert describe_script.main([str(workdir), clip, "--attention", str(drawn)]) == 1
    assert str(drawn) in capsys.readouterr().err
    assert describe_script.main([str(workdir), clip, clip, "--attention", "map.png"]) == 1
    assert "of 1 at a time; got 2 files" in capsys.readouterr().err


def test_a_clip_that_is_too_long_is_refused(files, monkeypatch):
    monkeypatch.setattr(clip_files, "MOST_FRAMES", 5)
    with pytest.raises(clip_files.NotAClip, match="more than 5 frames"):
        clip_files.read_clip(files / "clip.gif", count=4, side=8)
    monkeypatch.setattr(clip_files, "MOST_PIXELS", 100)
    with pytest.raises(clip_files.NotAClip, match=r"48 x 24 pixels"):
        clip_files.read_clip(files / "clip.mp4", count=4, side=8)
