"""Rows of one to eight handwritten digits, uneven in size, slant and place, composed from MNIST."""

from nnarch.data.digit_rows.composing import compose, load
from nnarch.data.digit_rows.drawing import HEIGHT
from nnarch.data.digit_rows.rows import (
    BLANK,
    CLASSES,
    Rows,
    decode,
    encode,
    examples,
    lay_out,
    pictures_alone,
    unlabelled,
)

__all__ = [
    "BLANK",
    "CLASSES",
    "HEIGHT",
    "Rows",
    "compose",
    "decode",
    "encode",
    "examples",
    "lay_out",
    "load",
    "pictures_alone",
    "unlabelled",
]
