"""What a search is called with, checked while it is traced."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def batch_size(kernel: str, state: Any) -> int:
    """The first axis that all leaves have.

    Raises:
      ValueError: they have not.
    """
    shapes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(state)}
    if len(shapes) != 1 or () in shapes:
        raise ValueError(
            f"{kernel} expects a state whose every leaf has the batch as its first axis; got "
            f"first axes {sorted(shapes)}. Let step close over what all rows share."
        )
    return shapes.pop()[0]


def check_tokens(start: int, end: int) -> None:
    """Raises ValueError unless both can be tokens."""
    if not _whole(start, end) or min(start, end) < 0:
        raise ValueError(f"start and end are tokens, integers from 0; got {start} and {end}.")


def _whole(*values: Any) -> bool:
    return all(isinstance(each, int | np.integer) for each in values)


def check_beam(max_length: int, beam: int, best: int, length_penalty: float) -> None:
    """Raises ValueError if an option of beam search is out of range."""
    if not _whole(max_length, beam, best) or max_length < 1 or not 1 <= best <= beam:
        raise ValueError(
            "beam_search expects integers, max_length >= 1 and 1 <= best <= beam; got "
            f"max_length={max_length}, best={best}, beam={beam}."
        )
    if not length_penalty >= 0:
        raise ValueError(
            f"length_penalty is an exponent alpha >= 0; got {length_penalty}. "
            "Below 0 a search could never stop early."
        )


def check_coverage(coverage_penalty: float, attended: Any) -> None:
    """Raises ValueError unless the penalty is one, and there is what it is made of."""
    if not coverage_penalty >= 0:
        raise ValueError(
            f"coverage_penalty is a factor beta >= 0; got {coverage_penalty}. "
            "Below 0 a search could never stop early."
        )
    if coverage_penalty and attended is None:
        raise ValueError(
            "coverage_penalty needs to know where each step looked. Give attended: a function of "
            "the state that returns the shares [R, S] and which places are valid, bool [R, S]."
        )


def check_sampling(
    max_length: int, samples: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    """Raises ValueError if an option of sampling is out of range."""
    if not _whole(max_length, samples) or max_length < 1 or samples < 1:
        raise ValueError(
            "sample_sequences expects integers, max_length >= 1 and samples >= 1; got "
            f"{max_length} and {samples}."
        )
    if not 0 < temperature < np.inf:
        raise ValueError(
            f"temperature is a number above 0; got {temperature}. For the likeliest tokens ask "
            "beam_search(..., beam=1)."
        )
    some = top_k is None or (_whole(top_k) and top_k >= 1)
    if not some or (top_p is not None and not 0 < top_p <= 1):
        raise ValueError(
            "sample_sequences expects an integer top_k >= 1 and 0 < top_p <= 1, or None; got "
            f"{top_k} and {top_p}."
        )


def check_logits(logits: Array, rows: int, end: int) -> None:
    """Raises ValueError unless step gave scores of every token for every row."""
    if logits.ndim != 2 or logits.shape[0] != rows or logits.shape[1] <= end:
        raise ValueError(
            f"step has to return logits [{rows}, V] with V above the end token {end}; "
            f"got {logits.shape}."
        )
