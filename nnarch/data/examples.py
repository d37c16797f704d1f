"""Examples held in memory as a few large arrays, from which a batch is gathered in one step.

A field is either `Fixed` (every example has an array of one shape: a picture, a class) or `Ragged`
(a sequence of its own length: words, frames of sound). Pictures stay uint8, sequences lie end to
end, so that a set of a hundred thousand examples is a handful of arrays and no Python objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jax
import numpy as np

Batch = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Fixed:
    """A field of one shape: example i has values[rows[i]].

    Several examples may share a row, as five captions share one picture.
    """

    values: np.ndarray  # [M, ...]
    rows: np.ndarray  # int [N]

    def batch(self, examples: np.ndarray) -> np.ndarray:
        """The field of these examples: [B, ...]."""
        return np.asarray(self.values[self.rows[examples]])  # values may be mapped from a file


@dataclass(frozen=True, eq=False)
class Ragged:
    """A field of sequences: example i has values[starts[i]:starts[i + 1]]."""

    values: np.ndarray  # [total length, ...]
    starts: np.ndarray  # int64 [N + 1]
    lengths_name: str  # what a batch calls the lengths of this field
    pad: float = 0

    @property
    def lengths(self) -> np.ndarray:
        """int32 [N]."""
        return np.diff(self.starts).astype(np.int32)

    def batch(self, examples: np.ndarray, padded: int) -> tuple[np.ndarray, np.ndarray]:
        """These examples padded on the right: [B, padded, ...], and their lengths int32 [B]."""
        lengths = self.lengths_of(examples)
        steps = np.arange(padded)
        valid = steps < lengths[:, None]
        flat = np.where(valid, self.starts[examples][:, None] + steps, 0)
        out = np.full((*flat.shape, *self.values.shape[1:]), self.pad, self.values.dtype)
        out[valid] = self.values[flat[valid]]
        return out, lengths

    def lengths_of(self, examples: np.ndarray) -> np.ndarray:
        """int32 [B]."""
        return (self.starts[examples + 1] - self.starts[examples]).astype(np.int32)


def ragged(sequences: Sequence[np.ndarray], lengths_name: str = "lengths") -> Ragged:
    """Lays sequences [T_i, ...] end to end.

    Raises:
      ValueError: there is none, or they differ in more than their length.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if len({(array.dtype, array.shape[1:]) for array in arrays}) != 1:
        kinds = sorted({f"{array.dtype}{list(array.shape[1:])}" for array in arrays})
        raise ValueError(
            f"ragged expects sequences that differ in length alone; got {kinds or 'none'}. "
            "Convert all to one dtype and one shape of step."
        )
    starts = np.cumsum([0, *map(len, arrays)], dtype=np.int64)
    return Ragged(np.concatenate(arrays), starts, lengths_name)


@dataclass(frozen=True, eq=False)
class Examples:
    """N examples, as named fields.

    Raises:
      ValueError: fields of different N, no field, or two fields of one name.
    """

    fixed: Mapping[str, Fixed] = field(default_factory=dict)
    ragged: Mapping[str, Ragged] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks that the fields fit together."""
        counts = {name: len(fixed.rows) for name, fixed in self.fixed.items()}
        counts |= {name: len(part.starts) - 1 for name, part in self.ragged.items()}
        if len(set(counts.values())) != 1 or 0 in counts.values():
            raise ValueError(
                f"Examples expects fields of one number of examples, 1 or more; got {counts}. "
                "Give every example each field."
            )
        names = [*self.fixed, *self.ragged, *(part.lengths_name for part in self.ragged.values())]
        if len(set(names)) != len(names):
            raise ValueError(f"Examples expects different names; got {names}. Rename one.")

    def __len__(self) -> int:
        """N."""
        return len(self.lengths)

    @property
    def lengths(self) -> np.ndarray:
        """int32 [N]: the longest sequence of each example; 0 where none has a length."""
        if not self.ragged:
            return np.zeros(len(next(iter(self.fixed.values())).rows), np.int32)
        return np.max([part.lengths for part in self.ragged.values()], axis=0)

    def longest(self, examples: np.ndarray | slice = slice(None)) -> dict[str, int]:
        """To what length each ragged field of these examples has to be padded."""
        return {name: int(part.lengths[examples].max()) for name, part in self.ragged.items()}

    def batch(self, examples: np.ndarray, padded: Mapping[str, int]) -> Batch:
        """Gathers these examples; `padded` says how long each ragged field becomes."""
        batch = {name: part.batch(examples) for name, part in self.fixed.items()}
        for name, part in self.ragged.items():
            batch[name], batch[part.lengths_name] = part.batch(examples, padded[name])
        return batch

    def shapes(self, size: int, padded: Mapping[str, int]) -> dict[str, jax.ShapeDtypeStruct]:
        """What `batch` returns for `size` examples."""
        shapes = {
            name: jax.ShapeDtypeStruct((size, *part.values.shape[1:]), part.values.dtype)
            for name, part in self.fixed.items()
        }
        for name, part in self.ragged.items():
            step = part.values.shape[1:]
            shapes[name] = jax.ShapeDtypeStruct((size, padded[name], *step), part.values.dtype)
            shapes[part.lengths_name] = jax.ShapeDtypeStruct((size,), np.int32)
        return shapes
