"""Reading COCO's captions from a small set of the same features that tensorflow-datasets wrote."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

from nnarch.data import coco_captions
from nnarch.data.captions import examples, load
from nnarch.data.coco_captions import resize, words_of
from nnarch.data.fetch import DataMissing
from nnarch.data.vocabulary import Vocabulary

COUNTS = {"train": 5, "val": 2, "test": 3, "restval": 1}
OBJECT = {
    "id": np.int64,
    "area": np.int64,
    "bbox": tfds.features.BBoxFeature(),
    "label": tfds.features.ClassLabel(num_classes=80),
    "is_crowd": np.bool_,
}
FEATURES = {
    "image": tfds.features.Image(encoding_format="jpeg"),
    "image/filename": tfds.features.Text(),
    "image/id": np.int64,
    "objects": tfds.features.Sequence(OBJECT),
    "captions": tfds.features.Sequence({"text": np.str_, "id": np.int64}),
}


def jpeg(number):
    """Halves of two colours, wider than high."""
    pixels = np.zeros((60, 100, 3), np.uint8)
    pixels[:, 50:] = 40 * number
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return io.BytesIO(stream.getvalue())


class CocoCaptions(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Writes what the true builder of that name writes; it too is asked for by its folder."""

    name = "coco_captions"
    VERSION = tfds.core.Version("1.1.0")
    code_path = epath.Path(__file__)  # else looked for by a package that is not required
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="2014")]  # noqa: RUF012

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(FEATURES))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(count) for split, count in COUNTS.items()}

    def _generate_examples(self, count):
        box = tfds.features.BBox(0.0, 0.0, 1.0, 1.0)
        thing = {"id": 1, "area": 2, "bbox": box, "label": 3, "is_crowd": False}
        for number in range(count):
            yield (
                number,
                {
                    "image": jpeg(number),
                    "image/filename": f"{number}.jpg",
                    "image/id": number,
                    "objects": [thing] * number,
                    "captions": [
                        {"text": f"Picture {number}, seen {time} times.", "id": time}
                        for time in range(5 + number % 2)
                    ],
                },
            )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    CocoCaptions(data_dir=folder).download_and_prepare(file_format="array_record")
    return folder


@pytest.fixture(scope="module")
def splits(folder):
    return load("coco_captions", size=16, folder=folder)


def test_each_split_has_its_pictures_with_all_captions(splits):
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 5,
        "validation": 2,
        "test": 3,
    }
    train = splits["train"]
    assert sorted(train.details["image_id"]) == ["0", "1", "2", "3", "4"]
    for number, captions, accepted in zip(
        train.details["image_id"], train.captions, train.accepted, strict=True
    ):
        assert len(captions) == 5 + int(number) % 2
        assert captions[1] == ("picture", number, "seen", "1", "times")
        assert f"picture {number} seen 4 times" in accepted


def test_pictures_are_resized_and_belong_to_their_captions(splits):
    train = splits["train"]
    assert train.pictures.shape == (5, 16, 16, 3)
    assert train.pictures.dtype == np.uint8
    for number, picture in zip(train.details["image_id"], train.pictures, strict=True):
        np.testing.assert_allclose(picture[4:12, 10:].mean(), 40 * int(number), atol=3)
        assert picture[4:12, :6].mean() < 3


def test_the_small_pictures_are_made_once(folder, splits, monkeypatch):
    monkeypatch.setattr(coco_captions, "resize", None)
    again = load("coco_captions", size=16, folder=folder, splits=["test"])
    np.testing.assert_array_equal(again["test"].pictures, splits["test"].pictures)


def test_a_picture_is_an_example_with_each_of_its_captions(splits):
    train = splits["train"]
    words = Vocabulary.of(caption for captions in train.captions for caption in captions)
    drawn = examples(train, words)
    assert len(drawn) == 5 * 5 + 2
    batch = drawn.batch(np.arange(len(drawn)), drawn.longest())
    for picture, tokens in zip(batch["picture"], batch["tokens"], strict=True):
        row = train.details["image_id"].index(words.decode(tokens)[1])
        np.testing.assert_array_equal(picture, train.pictures[row])
    assert type(batch["picture"]) is np.ndarray


def test_a_set_that_is_absent_is_told_how_to_prepare(tmp_path):
    with pytest.raises(DataMissing, match=r"pip install tensorflow.*python -m nnarch\.data\.coco"):
        load("coco_captions", folder=tmp_path)


def test_a_set_that_only_tensorflow_reads_is_told(tmp_path):
    place = tmp_path / "coco_captions" / "2014" / "1.1.0"
    place.mkdir(parents=True)
    CocoCaptions(data_dir=tmp_path, file_format="tfrecord").info.write_to_directory(place)
    with pytest.raises(DataMissing, match="it is tfrecord, which needs TensorFlow"):
        load("coco_captions", folder=tmp_path)


def test_preparing_without_tensorflow_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(coco_captions, "find_spec", lambda name: None)
    with pytest.raises(DataMissing, match="not installed: tensorflow, importlib-resources"):
        coco_captions.prepare_with_tensorflow(tmp_path)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"splits": ["val"]}])
def test_splits_and_sizes_that_there_are_not_are_refused(folder, wrong):
    with pytest.raises(ValueError, match="Change what does not fit"):
        load("coco_captions", folder=folder, **wrong)


def test_gray_pictures_become_colour():
    stream = io.BytesIO()
    Image.new("L", (9, 30), 100).save(stream, "JPEG")
    assert resize(stream.getvalue(), 8).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A man's dog, asleep.\n", "a man's dog asleep"),
        ("  TWO t-shirts ", "two t-shirts"),
        ('"Stop" (the sign) -- 5 o\'clock!', "stop the sign 5 o'clock"),
        ("...", ""),
    ],
)
def test_words(caption, words):
    assert " ".join(words_of(caption)) == words
