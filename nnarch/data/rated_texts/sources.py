"""Texts that people rated, from the source archive of the Python package vaderSentiment.

Tweets, sentences of film reviews, of product reviews and of newspaper editorials, each rated by
some twenty people from -4 (extremely negative) to 4 (extremely positive), and the words of a
lexicon, rated by ten. The archive is fetched and unpacked; nothing in it is installed or run.

Source: Hutto and Gilbert 2014, "VADER: a parsimonious rule-based model for sentiment analysis of
social media text".
"""

import html
import io
import json
import tarfile
from collections.abc import Iterator
from functools import cache
from statistics import fmean, pstdev
from typing import NamedTuple

from nnarch.data.fetch import Archive, fetch

SOURCE = Archive(
    "pypi",
    "vaderSentiment",
    "3.3.2",
    ("5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",),
    form="source",
)
_INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
_FILES = {
    "tweets": "tweets",
    "movies": "movieReviewSnippets",
    "products": "amazonReviewSnippets",
    "editorials": "nytEditorialSnippets",
}
_LEXICON = "vader_sentiment_lexicon.txt"

KINDS = (*_FILES, "words")
LOWEST, HIGHEST = -4, 4  # of a rating


class Rated(NamedTuple):
    """A text, and what people thought of it."""

    kind: str
    number: str  # within its kind; of a sentence of a review or an editorial, that and its own
    text: str
    rating: float  # the mean
    deviation: float  # of the ratings
    raters: int


def read(kind: str) -> list[Rated]:
    """The texts of a kind, in the archive's order.

    Ratings are the means of the single ratings that the archive lists. (For 196 tweets the file
    with the texts has another mean, up to 1.1 away, that these do not give.)

    Raises:
      nnarch.data.fetch.DataMissing: the archive is not there and cannot be fetched.
    """
    if kind == "words":
        rows = _rows(_LEXICON)
        return [_rated(kind, str(place), word, row) for place, (word, *row) in enumerate(rows)]
    ratings = {number: row for number, *row in _rows(f"{_FILES[kind]}_anonDataRatings.txt")}
    texts = _rows(f"{_FILES[kind]}_GroundTruth.txt")
    return [_rated(kind, number, text, ratings[number]) for number, _, text in texts]


def _rated(kind: str, number: str, text: str, row: list[str]) -> Rated:
    single = json.loads(row[-1])
    text = " ".join(html.unescape(text).split())
    return Rated(kind, number, text, fmean(single), pstdev(single), len(single))


def _rows(name: str) -> Iterator[list[str]]:
    text = _members()[name].decode("latin-1" if name == _LEXICON else "utf-8-sig")
    return (line.rstrip("\r").split("\t") for line in text.split("\n") if line)


@cache
def _members() -> dict[str, bytes]:
    """The files of the archive within the archive, by name."""
    content = (fetch(SOURCE) / _INNER).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = [member for member in archive if member.isfile()]
        return {file.name.rpartition("/")[2]: archive.extractfile(file).read() for file in files}
