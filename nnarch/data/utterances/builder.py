"""The tensorflow-datasets builder of the utterances (it needs no TensorFlow), and its reader."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from rich.progress import track

from nnarch.data.prepared import data_folder, own_progress_bar_alone, prepared, read
from nnarch.data.speech import SAMPLE_RATE, Spoken, has_room_for, sound
from nnarch.data.utterances.acoustics import Conditions, record
from nnarch.data.utterances.engine import PACKAGE, check_installed, speak
from nnarch.data.utterances.plan import Sizes, Utterance, plan

_log = logging.getLogger(__name__)

SEED = 1  # of all that is drawn
SPLITS = ("train", "validation", "unseen_text", "unseen_voices", "unseen_both")
DETAILS = ("kind", "voice", "accent", "variant", "rate", "pitch", "snr_db", "reverberation_s")


@dataclass
class UtterancesConfig(tfds.core.BuilderConfig):
    """How many utterances there are."""

    sizes: Sizes = field(default_factory=Sizes)


class Utterances(tfds.core.GeneratorBasedBuilder):
    """Synthesised utterances with their texts; see plan.py for what is held out."""

    # Prepared sets are found by it: raise it whenever what is said, or how, changes.
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 - tensorflow-datasets wants a list
        UtterancesConfig(name="default", description=f"int16 at {SAMPLE_RATE} Hz")
    ]

    # tensorflow-datasets 4.9.10 finds this file by a package that it does not require.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        # As bytes: a list of numbers would be written and read ten times as slowly.
        audio = tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding="bytes")
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            license=_LICENCE,
            features=tfds.features.FeaturesDict(
                {"audio": audio, "text": tfds.features.Text()}
                | {name: tfds.features.Text() for name in DETAILS}
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        check_installed()
        utterances = plan(self.builder_config.sizes, SEED)
        return {split: self._generate_examples(split, utterances[split]) for split in SPLITS}

    def _generate_examples(
        self, split: str, utterances: Sequence[Utterance]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        too_short = 0
        spoken = speak([utterance.request for utterance in utterances])
        pairs = zip(utterances, spoken, strict=True)
        for utterance, (voice, rate) in track(pairs, f"speaking {split}", len(utterances)):
            example = _example(utterance, voice, rate)
            if has_room_for(example["text"], len(example["audio"])):
                yield utterance.key, example
            else:
                too_short += 1
        if too_short:
            _log.warning("%s: left out %d utterances too short for their text.", split, too_short)


_DESCRIPTION = (
    "Synthesised speech, not recorded from people: English numbers, words and codes spelled letter "
    f"by letter, and short commands, spoken by espeak-ng (the Python package {PACKAGE}), with "
    "noise and the echoes of a simple room added. Spelled words are words of the Unicode names of "
    "emoji (the Python package emoji). A text is written as it is said, spelled ones letter by "
    "letter. Texts of unseen_text and unseen_both stand in no other split, though each of their "
    "words stands in training; the variants of the voice that speak in unseen_voices and "
    "unseen_both speak in no other split, with any accent."
)
_LICENCE = (
    "espeak-ng is under GPL-3.0-or-later: it runs to make the set and is no part of it. "
    "The texts are this project's own, under Apache-2.0, but for the words of emoji's names: "
    "Unicode License v3."
)


def _example(utterance: Utterance, voice: np.ndarray, rate: int) -> dict[str, Any]:
    rng = np.random.default_rng(utterance.seed)
    conditions = Conditions.draw(rng)
    return {
        "audio": record(voice, rate, conditions, rng),
        "text": utterance.request.text,
        "kind": utterance.kind,
        "voice": utterance.voice.name,
        "accent": utterance.voice.accent,
        "variant": utterance.voice.variant,
        "rate": str(utterance.request.rate),
        "pitch": str(utterance.request.pitch),
        "snr_db": f"{conditions.snr_db:.1f}",
        "reverberation_s": f"{conditions.reverberation_s:.2f}",
    }


def load(
    *, folder: Path | str | None = None, splits: Sequence[str] | None = None
) -> dict[str, Spoken]:
    """The splits of the utterances, spoken first where that has not been done.

    Details are "kind" ("number", "spelled" or "command"), "voice", "accent", "variant", "rate"
    (words a minute), "pitch" (0 to 99), "snr_db" and "reverberation_s" (0 is no room).

    Raises:
      ValueError: there is no such split.
      nnarch.data.fetch.DataMissing: the set is not there and the synthesiser is not installed.
    """
    if unknown := set(splits or ()) - set(SPLITS):
        raise ValueError(f"expected splits among {SPLITS}; got {sorted(unknown)}. Name those.")
    place = data_folder(folder)
    with own_progress_bar_alone():
        builder = prepared(lambda: Utterances(data_dir=place), place)
    return {split: _spoken(list(read(builder, split))) for split in splits or SPLITS}


def _spoken(records: Sequence[Mapping[str, Any]]) -> Spoken:
    return Spoken(
        audio=sound([record["audio"] for record in records]),
        texts=tuple(record["text"].decode() for record in records),
        details={name: tuple(record[name].decode() for record in records) for name in DETAILS},
    )
