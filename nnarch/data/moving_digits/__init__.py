"""Clips of handwritten digits that enter, move, stop, bounce, swap and leave, with what is told of
them: a label for every frame, or a sentence. Drawn by rule, from seeds, without end.
"""

from nnarch.data.moving_digits.clips import (
    LABELS,
    NOBODY,
    VOCABULARY,
    Cast,
    Filmed,
    Labelled,
    Told,
    film,
)
from nnarch.data.moving_digits.scripts import (
    Recipe,
    Script,
    anything,
    combined_anew,
    known,
)
from nnarch.data.moving_digits.sentences import (
    DIGITS,
    Event,
    events_of,
    parse,
    sentence,
    told_pattern,
)
from nnarch.data.moving_digits.stage import KINDS

__all__ = [
    "DIGITS",
    "KINDS",
    "LABELS",
    "NOBODY",
    "VOCABULARY",
    "Cast",
    "Event",
    "Filmed",
    "Labelled",
    "Recipe",
    "Script",
    "Told",
    "anything",
    "combined_anew",
    "events_of",
    "film",
    "known",
    "parse",
    "sentence",
    "told_pattern",
]
