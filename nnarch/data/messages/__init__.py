"""Messages of programs in English and French."""

from nnarch.data.messages.builder import Messages, load

__all__ = ["Messages", "load"]
