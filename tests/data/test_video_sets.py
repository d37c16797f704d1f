"""Reading sets of videos from small ones that tensorflow-datasets wrote.

Its own feature for videos needs TensorFlow even to be described. Written is what that feature
writes, a sequence of pictures; the description is then made to say what it would have said.
"""

import io
import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

from nnarch.data import video_sets
from nnarch.data.fetch import DataMissing

PICTURES = tfds.features.Sequence(tfds.features.Image(shape=(None, None, 3), encoding_format="png"))
TELLING = {
    "text": {"caption": tfds.features.Text()},
    "texts": {"captions": tfds.features.Sequence(tfds.features.Text())},
    "class": {"label": tfds.features.ClassLabel(names=["HandStandPushups", "Jump2"])},
}
COUNTS = {"train": 11, "val": 2, "test": 3}


def png(level):
    """Wider than high; the middle square is of one grey."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = level
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return io.BytesIO(stream.getvalue())


def told(kind, number):
    return {
        "text": {"caption": f"Clip {number}, seen."},
        "texts": {"captions": [f"Clip {number}.", f"It is {number}!"]},
        "class": {"label": number % 2},
    }[kind]


class TinyClips(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Clips of 3 frames and more, each a little lighter than the one before."""

    name = "tiny_clips"
    VERSION = tfds.core.Version("1.0.0")
    code_path = epath.Path(__file__)  # else looked for by a package that is not required
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=kind) for kind in TELLING]  # noqa: RUF012

    def _info(self):
        features = {"video": PICTURES, **TELLING[self.builder_config.name]}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(count) for split, count in COUNTS.items()}

    def _generate_examples(self, count):
        for number in range(count):
            frames = [png(10 * number + frame) for frame in range(3 + number)]
            yield number, {"video": frames, **told(self.builder_config.name, number)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    for kind in TELLING:
        TinyClips(data_dir=folder, config=kind).download_and_prepare(file_format="array_record")
        described = folder / "tiny_clips" / kind / "1.0.0" / "features.json"
        features = json.loads(described.read_text())
        features["featuresDict"]["features"]["video"] = {
            "pythonClassName": "tensorflow_datasets.core.features.video_feature.Video",
            "video": {"dtype": "uint8", "encodingFormat": "png"},
        }
        described.write_text(json.dumps(features))
    return folder


def load(folder, kind, **options):
    options = {"frames": 4, "size": 8} | options
    return video_sets.load(f"tiny_clips/{kind}", folder=folder, **options)


def test_each_split_has_its_clips_with_their_texts(folder):
    splits = load(folder, "text")
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 11,
        "validation": 2,
        "test": 3,
    }
    train = splits["train"]
    assert train.pictures.shape == (11, 4, 8, 8, 1)
    assert train.pictures.dtype == np.uint8
    for clip, ((_, number, _),) in zip(train.pictures, train.captions, strict=True):
        levels = clip[:, 4, 4, 0].astype(int)
        frames = 3 + int(number)
        expected = 10 * int(number) + np.round(np.linspace(0, frames - 1, 4))
        np.testing.assert_allclose(levels, expected, atol=1)
        assert np.ptp(clip[0]) == 0  # the middle square


def test_several_texts_are_several_captions(folder):
    train = load(folder, "texts")["train"]
    number = train.captions[0][0][1]
    assert train.captions[0] == (("clip", number), ("it", "is", number))
    assert train.accepted[0] == {f"clip {number}", f"it is {number}"}


def test_classes_are_told_by_the_words_of_their_names(folder):
    train = load(folder, "class", channels=3)["train"]
    assert train.pictures.shape[-1] == 3
    assert {captions[0] for captions in train.captions} == {
        ("hand", "stand", "pushups"),
        ("jump", "2"),
    }


def test_small_clips_are_made_once(folder, monkeypatch):
    first = load(folder, "text")["test"]
    monkeypatch.setattr(video_sets, "small_clip", None)
    np.testing.assert_array_equal(load(folder, "text")["test"].pictures, first.pictures)


def test_validation_is_cut_from_training_where_there_is_none(folder):
    whole = load(folder, "text")["train"]
    cut = video_sets._with_validation({"train": whole})
    assert (len(cut["train"]), len(cut["validation"])) == (10, 1)
    assert not {*cut["train"].captions} & {*cut["validation"].captions}
    two = video_sets._with_validation({"train": whole.take([0, 1])})
    assert (len(two["train"]), len(two["validation"])) == (1, 1)


def test_what_is_absent_or_no_set_of_videos_is_told(folder, tmp_path):
    with pytest.raises(DataMissing, match="tfds build ucf101"):
        video_sets.load("ucf101", frames=4, size=8, folder=tmp_path)
    with pytest.raises(DataMissing, match=r"several configs.*tiny_clips/class"):
        video_sets.load("tiny_clips", frames=4, size=8, folder=folder)
    place = tmp_path / "other" / "1.0.0"
    place.mkdir(parents=True)
    (place / "dataset_info.json").write_text('{"fileFormat": "tfrecord"}')
    with pytest.raises(DataMissing, match="it is tfrecord"):
        video_sets.load("other", frames=4, size=8, folder=tmp_path)
    (place / "dataset_info.json").write_text('{"fileFormat": "array_record"}')
    (place / "features.json").write_text('{"featuresDict": {"features": {"image": {}}}}')
    with pytest.raises(DataMissing, match=r"has \['image'\]"):
        video_sets.load("other", frames=4, size=8, folder=tmp_path)


def test_a_short_video_repeats_frames():
    np.testing.assert_array_equal(video_sets.at_even_distances(5, 2), [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(video_sets.at_even_distances(3, 9), [0, 4, 8])
