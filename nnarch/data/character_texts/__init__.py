from nnarch.data.character_texts.builder import CharacterTexts, Text, load
from nnarch.data.character_texts.sources import Document

__all__ = ["CharacterTexts", "Document", "Text", "load"]
