"""Searches the pictures that a run of embedding knows, by words or by a picture of one's own.

$ search.py runs/a "red heart"                  the pictures nearest to words
$ search.py runs/a picture.png                  the names and the pictures nearest to a picture
$ search.py runs/a "red heart" --output a.png   draws what was found
$ search.py runs/a --serve                      a page on this machine alone, to type or drop into
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from nnarch.report import Found, Retrieval, retrievals_png
from scripts.options import RunFolder
from scripts.pictures import NotAPicture, on_white, open_picture
from scripts.runs import open_or_tell
from scripts.search_index import Hit, Index, open_index
from scripts.search_server import SearchServer
from scripts.standard_output import until_closed

ENDINGS = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    run: RunFolder
    """The folder of a run of embedding."""
    query: tyro.conf.Positional[str | None] = None
    """Words, or the file of a picture."""
    output: Path | None = None
    """A PNG of what was found."""
    count: int = 8
    """How many are found."""
    serve: tyro.conf.FlagCreatePairsOff[bool] = False
    """Serves the page, in place of one query."""
    port: int = 8000
    """Of the page; 0 takes any that is free."""

    def __post_init__(self) -> None:
        """Refuses what makes no sense."""
        if self.serve == (self.query is not None):
            raise ValueError("give words or a picture, or --serve: one of the two.")
        if self.count < 1 or not 0 <= self.port < 2**16:
            raise ValueError("--count is 1 or more, and --port from 0 to 65535.")


@until_closed
def main(arguments: list[str]) -> int:
    """Prints what is nearest, or serves the page; returns the exit status."""
    options = tyro.cli(Options, args=arguments, prog="search.py", description=__doc__)
    run = open_or_tell(options.run, of="embedding")
    if run is None:
        return 1
    try:
        index = open_index(run)
        if options.serve:
            return serve(index, options.port)
        found = search(index, options.query, options.count)
        if options.output is not None:
            _draw(found, options.output)
    except (NotAPicture, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _is_file(path: Path) -> bool:
    """Words may be too long for the name of one."""
    try:
        return path.is_file()
    except OSError:
        return False


def search(index: Index, query: str, count: int) -> Retrieval:
    """Prints the nearest to a file that is a picture, or else to words.

    Raises:
      NotAPicture: the file cannot be read.
      ValueError: there are no words.
    """
    path = Path(query)
    if path.suffix.lower() in ENDINGS or _is_file(path):
        picture = on_white(open_picture(path), index.run.config.data.size)
        names, hits = index.by_picture(picture, count=count)
        _print("names", names)
        _print("pictures", hits)
        return Retrieval(path.name, [_found(hit) for hit in hits], picture=picture)
    if not query.split():
        raise ValueError("expected words or the file of a picture; got nothing. Name one.")
    if unknown := index.unknown(query):
        print(f"not known from training: {', '.join(map(ascii, unknown))}", file=sys.stderr)
    hits = index.by_words(query, count=count)
    _print("pictures", hits)
    return Retrieval(query, [_found(hit) for hit in hits])


def _print(heading: str, hits: list[Hit]) -> None:
    print(heading)
    for hit in hits:
        print(f"  {hit.score:5.2f}  {hit.name}" + (f"  ({hit.artist})" if hit.artist else ""))


def _found(hit: Hit) -> Found:
    return Found(hit.name, picture=hit.picture, note=f"{hit.artist} {hit.score:.2f}".strip())


def _draw(found: Retrieval, output: Path) -> None:
    if output.suffix.lower() != ".png":
        raise ValueError(f"expected a file whose name ends in .png; got {output}. Name another.")
    output.write_bytes(retrievals_png([found]))


def serve(index: Index, port: int) -> int:
    """Serves the page until it is interrupted."""
    try:
        server = SearchServer(index, port)
    except OSError as error:
        raise OSError(f"port {port} cannot be used: {error.strerror}. Name another.") from error
    with server:
        print(f"{server.address}   (on this machine alone; Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
