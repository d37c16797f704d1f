"""Searches the pictures that a run of embedding knows, by words or by a picture of one's own.

search.py runs/a "red heart"                 the pictures nearest to words
search.py runs/a picture.png                 the names and the pictures nearest to a picture
search.py runs/a "red heart" --output a.png  draws what was found
search.py runs/a --serve                     a page on this machine alone, to type or drop into
Options: --count N (how many are found, 8), --port N (of the page, 8000; 0 takes any that is free)
"""

import argparse
import sys
from pathlib import Path

from nnarch.report import Found, Retrieval, retrievals_png
from scripts.pictures import NotAPicture, on_white, open_picture
from scripts.runs import open_or_tell
from scripts.search_index import Hit, Index, open_index
from scripts.search_server import SearchServer

ENDINGS = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}


def main(arguments: list[str]) -> int:
    """Prints what is nearest, or serves the page; returns the exit status."""
    options = _parse(arguments)
    if options is None:
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
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


def _parse(arguments: list[str]) -> argparse.Namespace | None:
    """The options, or nothing where they make no sense."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("run", type=Path)
    parser.add_argument("query", nargs="?")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--serve", action="store_true")
    try:
        options, rest = parser.parse_known_args(arguments)
    except (argparse.ArgumentError, SystemExit):
        return None
    one_or_the_other = options.serve != (options.query is not None)
    counts = options.count >= 1 and 0 <= options.port < 2**16
    return options if one_or_the_other and counts and not rest else None


def search(index: Index, query: str, count: int) -> Retrieval:
    """Prints the nearest to a file that is a picture, or else to words.

    Raises:
      NotAPicture: the file cannot be read.
      ValueError: there are no words.
    """
    path = Path(query)
    if path.suffix.lower() in ENDINGS or (len(query) < 1000 and path.is_file()):
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
