"""One way to write what sources write in several: spaces, apostrophes, dots."""

import re
import unicodedata

_ONE_WAY = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "…": "..."})
_SPACES = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text in NFC, with straight quotation marks and single spaces, none of them at an end.

    No-break spaces become spaces; «angle marks» stay.
    """
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text).translate(_ONE_WAY)).strip()
