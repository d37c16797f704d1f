"""Reading LibriSpeech from a small set of the same features that tensorflow-datasets wrote."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from nnarch.data import librispeech, speech
from nnarch.data.fetch import DataMissing

COUNTS = {"train_clean100": 4, "dev_clean": 2, "test_clean": 3, "test_other": 1, "dev_other": 1}
FEATURES = {
    "speech": tfds.features.Tensor(shape=(None,), dtype=np.int16),
    "text": tfds.features.Text(),
    "speaker_id": np.int64,
    "chapter_id": np.int64,
    "id": np.str_,
}
# How the true builder's features.json describes "speech": to make one of it takes TensorFlow. What
# tfds.features.Audio writes in this form was compared once: it is the same to the byte.
AUDIO = {
    "pythonClassName": "tensorflow_datasets.core.features.audio_feature.Audio",
    "audio": {
        "dtype": "int16",
        "encoding": "NONE",
        "fileFormat": "flac",
        "sampleRate": "16000",
        "shape": {"dimensions": ["-1"]},
    },
}


def samples(number):
    return (1000 * number + np.arange(900 + 100 * number)).astype(np.int16)


class Librispeech(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Writes what the true builder of that name writes; it too is asked for by its folder."""

    name = "librispeech"
    VERSION = tfds.core.Version("2.1.1")
    code_path = epath.Path(__file__)  # else looked for by a package that is not required
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="default")]  # noqa: RUF012

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(FEATURES))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(count) for split, count in COUNTS.items()}

    def _generate_examples(self, count):
        for number in range(count):
            yield (
                number,
                {
                    "speech": samples(number),
                    "text": f"DON'T READ BOOK {'ABCD'[number]}",
                    "speaker_id": 80 + number,
                    "chapter_id": 7,
                    "id": f"{80 + number}-7-0000",
                },
            )


def describe_as_the_true_one(folder):
    path = folder / "librispeech" / "default" / "2.1.1" / "features.json"
    about = json.loads(path.read_text())
    about["featuresDict"]["features"]["speech"] = AUDIO
    path.write_text(json.dumps(about))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    Librispeech(data_dir=folder).download_and_prepare(file_format="array_record")
    describe_as_the_true_one(folder)
    return folder


@pytest.fixture(scope="module")
def splits(folder):
    return speech.load("librispeech", folder=folder)


def test_each_split_has_its_recordings_with_their_texts(splits):
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 4,
        "validation": 2,
        "test_clean": 3,
        "test_other": 1,
    }
    for split in splits.values():
        for row, speaker in enumerate(split.details["speaker_id"]):
            number = int(speaker) - 80
            np.testing.assert_array_equal(split.recording(row), samples(number))
            assert split.texts[row] == f"don't read book {'abcd'[number]}"
            assert split.details["id"][row] == f"{speaker}-7-0000"
            assert split.details["chapter_id"][row] == "7"


def test_batches_are_gathered_from_the_file(splits):
    train = splits["train"]
    assert isinstance(train.audio.values, np.memmap)
    drawn = speech.examples(train)
    batch = drawn.batch(np.arange(4), drawn.longest())
    assert type(batch["audio"]) is np.ndarray
    for row, length in enumerate(batch["audio_lengths"]):
        np.testing.assert_array_equal(batch["audio"][row, :length], train.recording(row))


def test_the_file_is_written_once(folder, splits, monkeypatch):
    monkeypatch.setattr(librispeech, "read", None)
    again = speech.load("librispeech", folder=folder, splits=["test_clean"])
    np.testing.assert_array_equal(
        again["test_clean"].audio.values, splits["test_clean"].audio.values
    )


def test_a_set_that_is_absent_is_told_how_to_prepare(tmp_path):
    with pytest.raises(DataMissing, match=r"needs TensorFlow.*python -m nnarch\.data\.librispeech"):
        speech.load("librispeech", folder=tmp_path)


def test_a_set_that_only_tensorflow_reads_is_told(tmp_path):
    place = tmp_path / "librispeech" / "default" / "2.1.1"
    place.mkdir(parents=True)
    Librispeech(data_dir=tmp_path, file_format="tfrecord").info.write_to_directory(place)
    with pytest.raises(DataMissing, match="it is tfrecord, which needs TensorFlow"):
        speech.load("librispeech", folder=tmp_path)


def test_preparing_without_what_it_needs_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(librispeech, "find_spec", lambda name: None)
    monkeypatch.setattr(librispeech.shutil, "which", lambda name: None)
    with pytest.raises(DataMissing, match=r"not installed: tensorflow, .*, pydub, .*, ffmpeg"):
        librispeech.prepare_with_tensorflow(tmp_path)


def test_splits_that_there_are_not_are_refused(folder):
    with pytest.raises(ValueError, match=r"got \['dev_clean'\]\. Name those"):
        speech.load("librispeech", folder=folder, splits=["dev_clean"])
