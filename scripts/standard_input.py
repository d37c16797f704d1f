"""Texts that come in on standard input, a line each."""

import sys
from collections.abc import Iterator


def lines() -> Iterator[str]:
    """Lines as they come, without their ends; what is no UTF-8 becomes marks for that.

    None where standard input is closed.
    """
    if sys.stdin is not None:
        for line in sys.stdin.buffer:
            yield line.decode("utf-8", "replace").rstrip("\r\n")


def typed() -> bool:
    """Whether somebody types them, and waits for an answer to each."""
    return sys.stdin is not None and sys.stdin.isatty()
