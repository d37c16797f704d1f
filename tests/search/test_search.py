"""The script that searches by words or by a picture, and the index that it keeps with a run."""

import numpy as np
import pytest
from data.coloured_squares import COLOURS, square
from leaving import status_of
from PIL import Image
from search import stand_in

from scripts import search as search_script
from scripts import search_index
from scripts.search_index import FILE, open_index


@pytest.fixture
def run(tmp_path, monkeypatch):
    """What the script opens, whatever folder it is given."""
    run = stand_in.run(tmp_path)
    monkeypatch.setattr(search_script, "open_or_tell", lambda workdir, of: run)
    return run


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a square.png"
    Image.fromarray(square(COLOURS["green"], 5)).resize((50, 50)).save(path)
    return path


def test_words_find_pictures(run, capsys):
    assert search_script.main(["run", "Green square", "--count", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "pictures"
    assert lines[1].split() == ["1.00", "green", "square", "(noto)"]
    assert len(lines) == 3


def test_a_picture_finds_names_and_pictures(run, picture, capsys):
    assert search_script.main(["run", str(picture)]) == 0
    names, pictures = capsys.readouterr().out.split("pictures\n")
    assert names.startswith("names\n")
    for lines in (names.removeprefix("names\n"), pictures):
        assert "green square" in lines.splitlines()[0]


@pytest.mark.parametrize("kind", ["words", "picture"])
def test_what_was_found_is_drawn(run, picture, tmp_path, kind):
    query = "blue" if kind == "words" else str(picture)
    assert search_script.main(["run", query, "--output", str(tmp_path / "found.png")]) == 0
    with Image.open(tmp_path / "found.png") as drawn:
        assert drawn.width > drawn.height


def test_words_that_training_did_not_show_are_told_without_their_escapes(run, capsys):
    assert search_script.main(["run", "red\x1b[2J dragon"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "not known from training: 'red\\x1b[2j', 'dragon'\n"
    assert "\x1b" not in shown.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.png"], "absent.png cannot be read"),
        (["  "], "got nothing"),
        (["red", "--output", "found.jpg"], "ends in .png"),
        (["red", "--output", "absent/found.png"], "absent"),
    ],
)
def test_what_cannot_be_done_is_told(run, arguments, words, capsys):
    assert search_script.main(["run", *arguments]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run", "red", "--serve"],
        ["run", "red", "--count", "none"],
        ["run", "red", "--count", "0"],
        ["run", "red", "--port", "99999"],
        ["run", "red", "heart"],
        ["run", "red", "--unknown"],
    ],
)
def test_what_makes_no_sense_is_told(run, arguments, capsys):
    assert status_of(search_script.main, *arguments) == 2
    assert "search.py --help" in capsys.readouterr().err


def test_help_shows_how_to_use_it(capsys):
    assert status_of(search_script.main, "--help") == 0
    assert '\n$ search.py runs/a "red heart" ' in capsys.readouterr().out


def test_a_port_that_is_taken_is_told(run, capsys):
    with stand_in.served() as server:
        assert search_script.main(["run", "--serve", "--port", str(server.server_port)]) == 1
    assert f"port {server.server_port} cannot be used" in capsys.readouterr().err


def test_the_page_is_served_until_it_is_interrupted(run, monkeypatch, capsys):
    def interrupted(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(search_script.SearchServer, "serve_forever", interrupted)
    assert search_script.main(["run", "--serve", "--port", "0"]) == 0
    assert "http://127.0.0.1:" in capsys.readouterr().out


def counted(run):
    """The run, and how often pictures are placed."""
    calls, place = [], run.experiment.place_pictures
    run.experiment.place_pictures = lambda *given: calls.append(1) or place(*given)
    return calls


def test_vectors_are_made_once(tmp_path):
    run = stand_in.run(tmp_path)
    calls = counted(run)
    first, second = open_index(run), open_index(run)
    assert len(calls) == 1
    np.testing.assert_array_equal(first.pictures, second.pictures)
    np.testing.assert_array_equal(first.texts, second.texts)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_vectors_of_other_weights_are_made_anew(tmp_path):
    open_index(stand_in.run(tmp_path))
    other = stand_in.run(tmp_path, seed=1)
    calls = counted(other)
    open_index(other)
    assert len(calls) == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no more", b"\x80\x04\x95 pickled"])
def test_a_damaged_file_of_vectors_is_made_anew(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    assert len(open_index(stand_in.run(tmp_path)).pictures) == 4


def test_a_folder_that_cannot_be_written_to_is_no_hindrance(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(search_index.np, "savez", refuse)
    assert len(open_index(stand_in.run(tmp_path)).pictures) == 4
    assert not list(tmp_path.iterdir())
