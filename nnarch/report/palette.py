"""The colours of drawn figures on a light and on a dark page; style.css has the same grounds."""

from typing import NamedTuple

from matplotlib.axes import Axes


class Palette(NamedTuple):
    """Colours of one page."""

    ground: str
    ink: str
    faint: str
    series: tuple[str, ...]  # told apart by colour-blind eyes


LIGHT = Palette("#ffffff", "#1d2433", "#d9dee7", ("#1f6feb", "#d1550b", "#0f8a5f"))
DARK = Palette("#171b24", "#dfe4ee", "#343c4c", ("#6aa8ff", "#ff9a57", "#4cc38a"))


def dress(axes: Axes, palette: Palette) -> None:
    """Gives axes the colours of the page, and takes away what carries no information."""
    axes.set_facecolor(palette.ground)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(palette.faint)
    axes.tick_params(colors=palette.ink, labelsize=8, length=0)
    axes.grid(axis="y", color=palette.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(palette.ink)
