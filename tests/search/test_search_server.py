"""The search page's server, spoken to without a browser, politely and otherwise."""

import http.client
import io
import json
import socket
import struct
import zlib
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pytest
from data.coloured_squares import COLOURS, square
from PIL import Image
from search.stand_in import HOSTILE, index, served

from scripts import search_server


@pytest.fixture(scope="module")
def server():
    with served() as server:
        yield server


def ask(server, method, path, body=None, **headers):
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def words(server, text):
    status, _, body = ask(server, "GET", "/words?q=" + quote(text))
    return status, json.loads(body)


def picture(server, content, **headers):
    status, _, body = ask(server, "POST", "/picture", content, **headers)
    return status, json.loads(body)


def png(colour="blue"):
    stream = io.BytesIO()
    Image.fromarray(square(COLOURS[colour], 4)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("path", ["/", "/search.js", "/search.css", "/words?q=red", "/nothing"])
def test_every_answer_has_the_policy(server, path):
    status, headers, _ = ask(server, "GET", path)
    assert status == (404 if path == "/nothing" else 200)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not {"Access-Control-Allow-Origin", "Set-Cookie"} & set(headers)


def test_it_listens_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"


def test_words_find_pictures(server):
    status, found = words(server, "  Green SQUARE ")
    assert status == 200
    assert found["pictures"][0]["name"] == "green square"
    assert found["pictures"][0]["picture"].startswith("data:image/png;base64,")
    assert found["unknown"] == []


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "red\x00\x1b[2J",
        "🟥 ‮red",
        "'; drop table pictures; --",
        "../../etc/passwd",
        "%s%n{0}${x}",
        "red " * 74,
    ],
)
def test_any_text_is_only_text(server, text):
    status, found = words(server, text)
    assert status == 200
    assert len(found["pictures"]) == 4


@pytest.mark.parametrize(
    "query", ["", "?q=", "?q=%20", "?q=" + "a" * 301, "?" + "&".join(["q=a"] * 9)]
)
def test_no_words_and_too_many_are_refused(server, query):
    status, _, body = ask(server, "GET", "/words" + query)
    assert status == 400
    assert json.loads(body)["error"]


def test_bytes_that_are_no_text_are_read_as_unknown(server):
    status, _, body = ask(server, "GET", "/words?q=%ff%fe")
    assert status == 200
    assert json.loads(body)["unknown"]


def test_a_picture_finds_names_and_pictures(server):
    status, found = picture(server, png("blue"))
    assert status == 200
    assert found["names"][0]["name"] == found["pictures"][0]["name"] == "blue square"


def bomb():
    """A PNG of 30,000 x 30,000 pixels in a hundred bytes."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def large():
    """A picture of few bytes that Pillow itself would take."""
    stream = io.BytesIO()
    Image.new("1", (8000, 4000)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        png()[:70],
        png()[:-20] + bytes(20),
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        bomb(),
        large(),
    ],
    ids=["nothing", "text", "cut", "damaged", "svg", "postscript", "bomb", "large"],
)
def test_what_is_no_picture_is_refused_and_the_next_is_served(server, content):
    status, found = picture(server, content)
    assert status == 415
    assert "What was sent" in found["error"]
    assert picture(server, png())[0] == 200


def test_what_is_too_large_is_refused_unread(server):
    status, found = picture(server, bytes(search_server.MOST_BYTES + 1))
    assert status == 413
    assert "8 MB" in found["error"]


@pytest.mark.parametrize("length", ["-1", "1e3", "", "²", "9" * 40])
def test_a_length_that_is_none_is_refused(server, length):
    lines = ["POST /picture HTTP/1.1", f"Host: 127.0.0.1:{server.server_port}"]
    answer = raw(server, "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode())
    assert b" 411 " in answer.partition(b"\r\n")[0]


def raw(server, content):
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        connection.sendall(content)
        return connection.makefile("rb").read()


@pytest.mark.parametrize(
    "content",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"<script> <img> HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_harms_nothing(server, content):
    try:
        answer = raw(server, content + b"\r\n")
    except ConnectionError:
        answer = b""
    assert b"<script" not in answer
    assert words(server, "red")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_page_is_not_served(server, headers):
    for method, path, body in (("GET", "/words?q=red", None), ("POST", "/picture", png())):
        status, _, answer = ask(server, method, path, body, **headers)
        assert status == 403
        assert b"picture" not in answer


def test_the_page_itself_is_served_by_either_name(server):
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{server.server_port}"
        assert picture(server, png(), Host=host, Origin=f"http://{host}")[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/../search.py", "/%2e%2e/search.py", "//etc/passwd", "/index.html", "/picture"],
)
def test_no_file_but_the_page_s_own_is_served(server, path):
    status, _, body = ask(server, "GET", path)
    assert status == 404
    assert b"def main" not in body
    assert b"root:" not in body


def test_a_client_that_stops_in_the_middle_is_let_go(monkeypatch):
    monkeypatch.setattr(search_server._Handler, "timeout", 0.2)
    with served() as server:
        lines = [
            "POST /picture HTTP/1.1",
            f"Host: 127.0.0.1:{server.server_port}",
            "Content-Length: 99",
        ]
        assert raw(server, "\r\n".join([*lines, "", "abc"]).encode()) == b""
        assert words(server, "red")[0] == 200


def test_what_goes_wrong_here_is_not_told_to_strangers(capsys):
    def fail(*_):
        raise RuntimeError("secret")

    whole = index()
    run = whole.run._replace(experiment=SimpleNamespace(place_texts=fail))
    with served(whole._replace(run=run)) as server:
        status, found = words(server, "red")
    assert status == 500
    assert "secret" not in json.dumps(found)
    assert "secret" in capsys.readouterr().err


def test_a_picture_without_colours_or_opaque_points_is_served(server):
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16", "CMYK"):
        stream = io.BytesIO()
        Image.new(mode, (40, 3)).save(stream, "JPEG" if mode == "CMYK" else "PNG")
        assert picture(server, stream.getvalue())[0] == 200


def test_an_animated_picture_is_its_first_frame(server):
    frames = [Image.fromarray(square(COLOURS[colour], 3)) for colour in ("green", "blue")]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    _, found = picture(server, stream.getvalue())
    assert found["pictures"][0]["name"] == "green square"


def test_two_of_one_name_are_both_found():
    whole = index()
    twice = whole.library.take([1, 1, 2])
    two = whole._replace(
        library=replace(twice, details={"artist": ("a", "b", "c")}),
        pictures=whole.pictures[np.array([1, 1, 2])],
    )
    hits = two.by_words("green", count=2)
    assert [hit.artist for hit in hits] == ["a", "b"]
