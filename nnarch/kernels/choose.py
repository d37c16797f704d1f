"""Which implementation serves a call: the fastest that can, or the one that is named."""

from collections.abc import Callable, Mapping
from typing import TypeVar

Call = TypeVar("Call")
Refusal = Callable[[Call], str | None]
"""Says why an implementation cannot serve a call; None if it can."""


def choose(
    kernel: str, refusals: Mapping[str, Refusal], call: Call, *, implementation: str | None
) -> str:
    """Returns the name of the implementation that serves `call`.

    Args:
      kernel: the kernel's name, for the error.
      refusals: implementations in the order of preference, the fastest first.
      call: what the implementations judge by.
      implementation: a name, or None for the first that does not refuse.

    Raises:
      ValueError: the named one does not exist or refuses; the error says why, and names the others.
    """
    if implementation is None:
        return next(name for name, refusal in refusals.items() if refusal(call) is None)
    names = ", ".join(map(repr, refusals))
    if implementation not in refusals:
        raise ValueError(
            f"{kernel} has no implementation {implementation!r}; there are {names}. "
            "Leave implementation out and the fastest that serves the call is taken."
        )
    if reason := refusals[implementation](call):
        raise ValueError(
            f"{kernel} cannot run as {implementation!r} here: {reason}. There are {names}; "
            "leave implementation out and the fastest that serves the call is taken."
        )
    return implementation
