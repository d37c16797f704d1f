"""Sections to one page: no scripts, no addresses to load from, its style and pictures inside."""

import os
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from nnarch.report.markup import Html, classed, element, escape, join

NO_FILES: Mapping[str, bytes] = MappingProxyType({})


class Section(NamedTuple):
    """One headed part of a page."""

    title: str
    body: Html
    files: Mapping[str, bytes] = NO_FILES  # PNGs to lie beside the page, by file name


class Highlight(NamedTuple):
    """A figure that the reader is to see first."""

    value: str
    label: str
    note: str = ""  # what it is to be compared with


def write_page(
    folder: Path,
    *,
    title: str,
    introduction: str,
    sections: Sequence[Section],
    highlights: Sequence[Highlight] = (),
    facts: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Writes `folder/index.html` and the sections' PNGs; returns the page's path.

    Args:
      folder: made if it is not there; an older page is replaced at once, never half.
      title: of the page.
      introduction: one paragraph, plain text.
      sections: in order; plain text in them has been escaped when they were made.
      highlights: large figures on top.
      facts: short ones under the introduction, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for name, png in section.files.items():
            _replace(folder / name, png)
    body = join(
        [
            _header(title, introduction, highlights, facts),
            _contents(sections),
            element("main", *map(_section, sections)),
        ]
    )
    page = folder / "index.html"
    _replace(page, _document(title, body).encode())
    return page


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".tmp")
    beside.write_bytes(content)
    os.replace(beside, path)


def _document(title: str, body: Html) -> str:
    style = resources.files("nnarch.report").joinpath("style.css").read_text()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _header(
    title: str, introduction: str, highlights: Sequence[Highlight], facts: Mapping[str, str]
) -> Html:
    parts = [element("h1", title), classed("p", "introduction", introduction)]
    if highlights:
        parts.append(classed("div", "highlights", *map(_highlight, highlights)))
    if facts:
        parts.append(classed("dl", "facts", *(_fact(*fact) for fact in facts.items())))
    return element("header", *parts)


def _highlight(highlight: Highlight) -> Html:
    note = [classed("span", "note", highlight.note)] if highlight.note else []
    return classed(
        "div",
        "highlight",
        classed("span", "value", highlight.value),
        classed("span", "label", highlight.label),
        *note,
    )


def _fact(name: str, value: str) -> Html:
    return element("div", element("dt", name), element("dd", value))


def _contents(sections: Sequence[Section]) -> Html:
    links = (
        element("a", section.title, attributes={"href": f"#{anchor(section.title)}"})
        for section in sections
    )
    return element("nav", *links, attributes={"aria-label": "Sections"})


def _section(section: Section) -> Html:
    heading = element("h2", section.title)
    return element("section", heading, section.body, attributes={"id": anchor(section.title)})


def anchor(title: str) -> str:
    """A title as the name that a link in the page points to."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


def paragraph(text: str) -> Html:
    """Plain text between a section's other parts."""
    return classed("p", "prose", text)
