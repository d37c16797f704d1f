"""A page of a run at any age: nothing in it loads from elsewhere, nothing in it breaks out."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from nnarch import report

HOSTILE = '"><script>alert(1)</script><img src=x onerror="alert(1)"> & $x_{$ \\frac'


class Elements(HTMLParser):
    """Every element with its attributes, all text, and what was never closed."""

    VOID = frozenset({"img", "meta", "source", "br", "link"})

    def __init__(self, page):
        super().__init__()
        self.found, self.text, self.open = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(path):
    elements = Elements(path.read_text())
    assert not elements.open
    return elements


@pytest.fixture
def workdir(tmp_path):
    """A run that was trained and evaluated; one line of its log was cut short by a kill."""
    config = {"train": {"steps": 20, "seed": 3}, "model": {"hidden": 8, "widths": [4, 8]}}
    files = {
        "config.json": {"experiment": "captioning", "preset": "hour", "config": config},
        "versions.json": {"jax": "0.10.2", "device": "1 x cpu"},
        "metrics.json": {"test_composed": {"exact_match": 75.0, "bleu4": None}},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    rows = [
        {"step": step, "time": 1e9 + step, "split": split, "loss": 1 / step, "exact_match": None}
        for step in (10, 20)
        for split in ("train", "validation")
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + '\n{"step": 2')
    return tmp_path


@pytest.fixture
def examples():
    pictures = np.random.default_rng(0).integers(0, 256, (30, 6, 6, 3)).astype(np.uint8)
    return [
        report.Example(f"name {i}", f"name {i}" if i % 2 else HOSTILE, float(i % 2), picture, "x")
        for i, picture in enumerate(pictures)
    ]


def write(workdir, examples):
    return report.write_report(
        workdir,
        title=HOSTILE,
        introduction=HOSTILE,
        sections=[
            report.gallery_section(HOSTILE, examples, note=HOSTILE),
            report.rows_section("Translations", [HOSTILE], [[HOSTILE]]),
            report.heatmap_section("Map", np.eye(2), rows=[HOSTILE, "b"], columns="$"),
        ],
        highlights=[report.Highlight(HOSTILE, HOSTILE, HOSTILE)],
        baselines={HOSTILE: {"test_composed": {"exact_match": 4.0}}},
        best_step=20,
    )


def test_the_page_is_self_contained_and_nothing_breaks_out(workdir, examples):
    elements = read(write(workdir, examples))
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "link", "iframe", "object", "base"}
    for _, attributes in elements.found:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "srcset"):
            assert attributes.get(name, "data:image/png;base64,").startswith(
                "data:image/png;base64,"
            )
        assert attributes.get("href", "#").startswith("#")
    assert HOSTILE in elements.text
    style = (write(workdir, examples)).read_text().split("</style>")[0]
    assert not re.search(r"url\(|@import", style)


def test_pictures_lie_beside_the_page(workdir, examples):
    folder = write(workdir, examples).parent
    names = {path.name for path in folder.iterdir()}
    assert {"index.html", "curves.png", "map.png"} < names
    assert len([name for name in names if re.search("-(good|typical|worst).png$", name)]) == 3
    assert all(
        path.read_bytes().startswith(b"\x89PNG")
        for path in folder.iterdir()
        if path.suffix == ".png"
    )


def test_the_page_tells_of_the_run(workdir, examples):
    text = read(write(workdir, examples)).text
    for expected in ("20 of 20", "75", "model", "hidden", "4 8", "0.10.2", "--preset hour"):
        assert expected in text


def test_an_empty_folder_has_a_page(tmp_path):
    page = report.write_report(tmp_path / "none", title="Run", introduction="")
    text = read(page).text
    for expected in ("not been evaluated yet", "Nothing has been logged yet", "no config.json"):
        assert expected in text


def test_damaged_files_count_as_absent(workdir, examples):
    for name in ("config.json", "versions.json", "metrics.json", "metrics.jsonl"):
        (workdir / name).write_text('[1, {"')
    assert (
        "not been evaluated" in read(report.write_report(workdir, title="", introduction="")).text
    )


def test_a_second_report_replaces_the_first(workdir, examples):
    first = write(workdir, examples).read_text()
    page = report.write_report(workdir, title="Other", introduction="")
    assert page.read_text() != first
    assert not list(page.parent.glob("*.tmp"))
