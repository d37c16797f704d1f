"""The search page on this machine alone: its files, and two addresses that answer with JSON.

Whatever comes in may be hostile, since any page open in a browser can send requests here. So:
requests that name another host (a name that was bound to 127.0.0.1) or come from another page are
refused, text and uploads have a largest size, nothing that was sent is written to a file or into
markup, and the page may load and run what comes from here alone.
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from nnarch.report.pictures import png_of_array
from scripts.pictures import NotAPicture, on_white, open_sent
from scripts.search_index import Hit, Index

MOST_BYTES = 8 * 2**20  # of an upload
MOST_LETTERS = 300  # of a text
MOST_AT_ONCE = 16  # requests; others wait to be accepted
FOUND = 24  # pictures that are shown; half as many names
TIMEOUT_S = 10

PAGE = Path(__file__).with_name("search_page")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not served, and why."""

    def __init__(self, status: HTTPStatus, reason: str):
        super().__init__(reason)
        self.status = status


class File(NamedTuple):
    """A file of the page."""

    kind: str
    content: bytes


class SearchServer(ThreadingHTTPServer):
    """Serves an index on 127.0.0.1; port 0 takes any that is free."""

    daemon_threads = True

    def __init__(self, index: Index, port: int):
        super().__init__(("127.0.0.1", port), _Handler)
        self.index = index
        self.files = _files()
        self.searching = threading.Lock()  # one at a time has the cores, and the memory
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)

    @property
    def address(self) -> str:
        """What to type into a browser."""
        return f"http://127.0.0.1:{self.server_port}/"

    @property
    def hosts(self) -> set[str]:
        """By what names requests may call this machine."""
        return {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    def process_request(self, request, client_address) -> None:  # noqa: D102 - as its base
        self._places.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address) -> None:  # noqa: D102 - as its base
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request, client_address) -> None:
        """Says nothing of clients that went away."""


def _files() -> dict[str, File]:
    style = resources.files("nnarch.report").joinpath("style.css").read_bytes()
    return {
        "/": File("text/html; charset=utf-8", (PAGE / "index.html").read_bytes()),
        "/search.js": File("text/javascript; charset=utf-8", (PAGE / "search.js").read_bytes()),
        "/search.css": File("text/css; charset=utf-8", style + (PAGE / "search.css").read_bytes()),
    }


class _Handler(BaseHTTPRequestHandler):
    server: SearchServer
    timeout = TIMEOUT_S
    server_version, sys_version = "nnarch", ""

    def do_GET(self) -> None:
        """The page's files, and /words?q=TEXT."""
        self._serve(self._get)

    def do_POST(self) -> None:
        """/picture, with the bytes of a picture."""
        self._serve(self._post)

    def _serve(self, answer: Callable[[], File]) -> None:
        try:
            self._check_origin()
            self._send(HTTPStatus.OK, answer())
        except Refused as refused:
            self._send(refused.status, _json({"error": str(refused)}))
        except OSError:  # the client went away, or is too slow
            self.close_connection = True
        except Exception as error:
            self.log_error("%s", repr(error))
            told = {"error": "Something went wrong here; the terminal says what."}
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _json(told))

    def _check_origin(self) -> None:
        hosts, origin = self.server.hosts, self.headers.get("Origin")
        ours = origin is None or origin in {f"http://{host}" for host in hosts}
        if self.headers.get("Host") not in hosts or not ours:
            raise Refused(HTTPStatus.FORBIDDEN, f"Open {self.server.address} itself.")

    def _get(self) -> File:
        address = urlsplit(self.path)
        if address.path == "/words":
            return _json(_by_words(self.server, _text(address.query)))
        if address.path not in self.server.files:
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        return self.server.files[address.path]

    def _post(self) -> File:
        if urlsplit(self.path).path != "/picture":
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        return _json(_by_picture(self.server, self._body()))

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > 15:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Send the length of the picture with it.")
        if int(length) > MOST_BYTES:
            self._skip(int(length))
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The file has more than {MOST_BYTES // 2**20} MB. Make it smaller.",
            )
        return self.rfile.read(int(length))

    def _skip(self, length: int) -> None:
        """Reads on for a while: a client that is cut off while it sends sees no answer."""
        for _ in range(min(length, 8 * MOST_BYTES) // 2**16):
            if not self.rfile.read(2**16):
                return

    def _send(self, status: HTTPStatus, file: File) -> None:
        self.send_response(status)
        headers = {"Content-Type": file.kind, "Content-Length": str(len(file.content)), **HEADERS}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(file.content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """As every other answer, in place of a page of the library's own."""
        self._send(HTTPStatus(code), _json({"error": HTTPStatus(code).phrase}))

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Keeps quiet: what was searched for is nobody's business."""


def _text(query: str) -> str:
    try:
        text = parse_qs(query, max_num_fields=4, keep_blank_values=True).get("q", [""])[0]
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "Ask with /words?q=TEXT.") from None
    if len(text) > MOST_LETTERS:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"The text has more than {MOST_LETTERS} letters. Make it shorter.",
        )
    if not text.split():
        raise Refused(HTTPStatus.BAD_REQUEST, "There are no words to search by.")
    return text


def _by_words(server: SearchServer, text: str) -> Mapping:
    with server.searching:
        pictures = server.index.by_words(text, count=FOUND)
    return {"names": [], "pictures": [*map(_told, pictures)], "unknown": server.index.unknown(text)}


def _by_picture(server: SearchServer, content: bytes) -> Mapping:
    with server.searching:
        try:
            picture = on_white(open_sent(content), server.index.run.config.data.size)
        except NotAPicture as error:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error)) from None
        names, pictures = server.index.by_picture(picture, count=FOUND)
    return {
        "names": [*map(_told, names[: FOUND // 2])],
        "pictures": [*map(_told, pictures)],
        "unknown": [],
    }


def _told(hit: Hit) -> dict[str, object]:
    told = {"name": hit.name, "score": round(hit.score, 3), "artist": hit.artist}
    if hit.picture is not None:
        png = base64.b64encode(png_of_array(hit.picture)).decode("ascii")
        told["picture"] = f"data:image/png;base64,{png}"
    return told


def _json(content: Mapping) -> File:
    return File("application/json; charset=utf-8", json.dumps(content).encode())
