"""Runs in one picture."""

import io

import numpy as np
from PIL import Image

from nnarch.report import compared_section


def section(lines):
    return compared_section(
        "Accuracy", lines, across="samples", upward="right, %", file="samples.png", note="A note."
    )


def test_a_picture_names_its_runs():
    lines = {f"run <{n}>": np.array([[0, 0], [1000, 10.0 * n]]) for n in range(5)}
    shown = section(lines)
    assert "run &lt;4&gt;" in shown.body
    assert "A note." in shown.body
    assert Image.open(io.BytesIO(shown.files["samples.png"])).width > 600


def test_without_points_it_says_so():
    shown = section({"this run": np.zeros((0, 2))})
    assert "Nothing has been logged yet." in shown.body
    assert not shown.files


def test_axes_may_have_scales_of_powers():
    lines = {f"run {n}": np.array([[10, 1e-30], [400, 10.0**n]]) for n in range(8)}
    drawn = [
        compared_section("Gradient", lines, across="a", upward="u", file="g.png", log=log)
        for log in ((), ("upward",), ("across", "upward"))
    ]
    assert len({section.files["g.png"] for section in drawn}) == 3
