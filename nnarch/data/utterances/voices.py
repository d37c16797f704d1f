"""Who speaks: eight accents of English, each in 88 variants of the engine's voice.

A variant is a set of formants, a pitch, a timbre: a speaker. An accent is a set of phonemes. Any
variant speaks with any accent.

The engine has 16 variants more. A recogniser trained on people (pocketsphinx 5.1, 18 words, no
noise) misheard more than half of their words; of the 88, it misheard 15 %.
"""

from dataclasses import dataclass

import numpy as np

UNSEEN_VARIANTS = 16  # at least; a family is held out whole

ACCENTS = (
    *("en", "en-us", "en-us-nyc", "en-029", "en-gb-scotland"),
    *("en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd"),
)
# Variants in one row are nearly the same speaker: quantiles of their mel spectra, loudness apart,
# differ by less than 0.65 nepers (root mean square); from row to row it is 0.9 in the median.
_ALIKE = (
    "Alex Mike croak fast john m2 m3 m6",
    "Diogo Henrique Hugo michel miguel",
    "iven iven2 iven3 iven4",
    "klatt4 klatt5 robosoft2 robosoft3",
    "Reed adam klatt6",
    "benjamin edward2 mike2",
    "steph steph2 steph3",
    "Gene Gene2",
    "Nguyen m7",
    "RicishayMax robosoft8",
    "RicishayMax2 RicishayMax3",
    "anika anikaRobot",
    "aunty f4",
    "klatt klatt2",
    "m4 m5",
    "rob robert",
    "robosoft4 robosoft5",
)
_ALONE = (
    "Andy Annie Denis Jacky Marco Mario Storm UniRobot announcer antonio belinda caleb david ed "
    "edward f1 f2 f3 f5 grandma grandpa klatt3 linda m1 m8 max pablo paul pedro quincy robosoft "
    "robosoft6 robosoft7 sandro victor whisper whisperf"
)
FAMILIES = (*(row.split() for row in _ALIKE), *([name] for name in _ALONE.split()), ["Mr serious"])


@dataclass(frozen=True)
class Voice:
    """An accent and a variant; `name` is what the engine calls them together."""

    accent: str
    variant: str

    @property
    def name(self) -> str:
        """en-us+m1."""
        return f"{self.accent}+{self.variant}"


def training_and_unseen(rng: np.random.Generator) -> tuple[list[Voice], list[Voice]]:
    """The voices of training and the unseen ones: no family of variants is on both sides."""
    order = [FAMILIES[place] for place in rng.permutation(len(FAMILIES))]
    unseen: list[str] = []
    for family in order:
        if len(unseen) < UNSEEN_VARIANTS:
            unseen += family
    trained = [variant for family in FAMILIES for variant in family if variant not in unseen]
    return _voices(trained), _voices(unseen)


def _voices(variants: list[str]) -> list[Voice]:
    return [Voice(accent, variant) for accent in ACCENTS for variant in variants]
