"""HTML that cannot be broken by what is put in: plain text is escaped where it enters."""

import html
from collections.abc import Iterable, Mapping
from types import MappingProxyType

NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})

# Elements that have no content and no end tag.
_VOID = {"br", "hr", "img", "meta", "source", "wbr"}


class Html(str):
    """Text that is markup already. Only this module and the page's template make it."""

    __slots__ = ()


def escape(text: str) -> Html:
    """Text as it is to be read, safe inside an element and inside a quoted attribute."""
    return text if isinstance(text, Html) else Html(html.escape(text, quote=True))


def join(parts: Iterable[str]) -> Html:
    """One after the other; what is plain text is escaped."""
    return Html("".join(map(escape, parts)))


def element(name: str, *children: str, attributes: Mapping[str, str] = NO_ATTRIBUTES) -> Html:
    """`<name attributes>children</name>`; children and values that are plain text are escaped."""
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def classed(name: str, kind: str, *children: str) -> Html:
    """An element with a class."""
    return element(name, *children, attributes={"class": kind})
