"""The sizes and the parameters of a cell, checked before anything is compiled."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

Shapes = tuple[tuple[int, ...], ...]


def check_params(
    kernel: str,
    kind: type,
    params: tuple,
    expected: Callable[[int], Shapes],
    *,
    xs: str,
    draw: str,
    leading: tuple[int, ...] = (),
) -> None:
    """Raises ValueError unless every parameter is floating, and of the shape that D and H ask for.

    Args:
      kernel: its name, for the errors.
      kind: the NamedTuple of its parameters; the second one's first axis is H.
      params: what was given.
      expected: from H, the shape of each.
      xs: how the inputs are written, with D as the number it is.
      draw: the call that draws fitting parameters.
      leading: axes in front of those of every parameter.
    """
    names = kind._fields
    if not isinstance(params, tuple) or len(params) != len(names):
        raise ValueError(
            f"{kernel} expects {kind.__name__}({', '.join(names)}); got {type(params).__name__}. "
            f"init_{draw.partition('(')[0]}(key, input_size, hidden_size) draws one."
        )
    found = tuple(np.shape(p) for p in params)
    hidden = found[1][len(leading)] if len(found[1]) == len(leading) + 2 else 0
    wanted = tuple(leading + shape for shape in expected(hidden))
    if found != wanted or hidden == 0:
        raise ValueError(
            f"{kernel} with xs {xs} expects {kind.__name__} of shapes "
            f"{dict(zip(names, wanted, strict=True))}; "
            f"got {dict(zip(names, found, strict=True))}. "
            f"Draw them with init_{draw}, or mend the last axis of xs."
        )
    if bad := [n for n, p in zip(names, params, strict=True) if not is_floating(p)]:
        raise ValueError(
            f"{kernel} expects parameters of a floating dtype; {bad[0]} is not. Cast it first."
        )


def check_sizes_drawn(**sizes: int) -> None:
    """Raises ValueError unless each size is an integer of 1 or more."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"{name} is {size!r}; give an integer of 1 or more.")


def is_floating(value: Any) -> bool:
    """Whether a value is an array or a number of a floating dtype."""
    dtype = dtype_of(value)
    return not isinstance(dtype, str) and jnp.issubdtype(dtype, jnp.floating)


def dtype_of(value: Any) -> jnp.dtype | str:
    """Of an array or a number; of anything else, such as a list, the name of its type."""
    known = hasattr(value, "dtype") or isinstance(value, int | float)
    return jnp.result_type(value) if known else type(value).__name__
