from nnarch.data.rated_texts.builder import RatedTexts, load
from nnarch.data.rated_texts.sources import HIGHEST, LOWEST
from nnarch.data.rated_texts.texts import Texts, examples, words_alone

__all__ = ["HIGHEST", "LOWEST", "RatedTexts", "Texts", "examples", "load", "words_alone"]
