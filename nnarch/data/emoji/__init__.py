"""Emoji, drawn by four artists, and their names."""

from nnarch.data.emoji.builder import Emoji, load

__all__ = ["Emoji", "load"]
