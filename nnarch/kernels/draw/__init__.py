"""DRAW and alignDRAW: pictures written step by step through a grid of Gaussian filters."""

from nnarch.kernels.draw.api import Drawn, canvases, draw_again, draw_anew
from nnarch.kernels.draw.filters import (
    Window,
    gaussian_filters,
    read_patch,
    window_of,
    write_patch,
)
from nnarch.kernels.draw.parameters import DrawParams, init_draw

__all__ = [
    "DrawParams",
    "Drawn",
    "Window",
    "canvases",
    "draw_again",
    "draw_anew",
    "gaussian_filters",
    "init_draw",
    "read_patch",
    "window_of",
    "write_patch",
]
