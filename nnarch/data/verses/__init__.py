"""Verses in English and French, aligned by their numbers."""

from nnarch.data.verses.builder import Verses, load

__all__ = ["Verses", "load"]
