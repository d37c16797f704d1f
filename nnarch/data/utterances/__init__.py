"""Numbers, spelled words and commands, spoken by a synthesiser."""

from nnarch.data.utterances.builder import Utterances, load

__all__ = ["Utterances", "load"]
