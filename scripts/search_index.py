"""What a run can find: vectors of every picture and name, made once and kept with the run."""

import hashlib
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx

from nnarch.data.captions import Captioned
from scripts.runs import Run

FILE = "search_index.npz"


class Hit(NamedTuple):
    """A picture or a name that was found."""

    name: str  # all that the picture may be called, from a to z
    score: float  # cosine, from -1 to 1
    picture: np.ndarray | None = None  # uint8 [S, S, 3]
    artist: str = ""


class Index(NamedTuple):
    """A run, and where everything lies in its space."""

    run: Run
    library: Captioned
    names: list[str]
    pictures: np.ndarray  # float32 [N, features]
    texts: np.ndarray  # float32 [names, features]

    def by_words(self, text: str, *, count: int) -> list[Hit]:
        """The pictures nearest to a text."""
        place = self.run.experiment.place_texts
        return self._pictures(place(self.run.config, self.run.model, [normalised(text)]), count)

    def by_picture(self, picture: np.ndarray, *, count: int) -> tuple[list[Hit], list[Hit]]:
        """The names and the pictures nearest to a picture, uint8 [S, S, 3]."""
        place = self.run.experiment.place_pictures
        vectors = place(self.run.config, self.run.model, picture[None])
        scores = (vectors @ self.texts.T)[0]
        names = [Hit(self.names[row], float(scores[row])) for row in _best(scores, count)]
        return names, self._pictures(vectors, count)

    def unknown(self, text: str) -> list[str]:
        """The words of a text that training did not show."""
        return self.run.experiment.unknown_words(self.run.config, normalised(text))

    def _pictures(self, vectors: np.ndarray, count: int) -> list[Hit]:
        scores = (vectors @ self.pictures.T)[0]
        return [self._hit(row, float(scores[row])) for row in _best(scores, count)]

    def _hit(self, row: int, score: float) -> Hit:
        name = " / ".join(sorted(self.library.accepted[row]))
        artists = self.library.details.get("artist")
        artist = artists[row] if artists else ""
        return Hit(name, score, self.library.pictures[row], artist)


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    return np.argsort(-scores, kind="stable")[:count]


def normalised(text: str) -> str:
    """As names are written: lower-case words with single spaces."""
    return " ".join(text.lower().split())


def open_index(run: Run) -> Index:
    """The index that lies in the run's folder, made first where it is of other weights or data."""
    library = run.experiment.library(run.config)
    names = run.experiment.names_of(library)
    path, made_of = run.workdir / FILE, _digest(run.model, library, names)
    vectors = _read(path, made_of)
    if vectors is None:
        vectors = (
            run.experiment.place_pictures(run.config, run.model, library.pictures),
            run.experiment.place_texts(run.config, run.model, names),
        )
        _write(path, made_of, *vectors)
    return Index(run, library, names, *vectors)


def _digest(model: nnx.Module, library: Captioned, names: list[str]) -> str:
    digest = hashlib.blake2b("\n".join(names).encode())
    digest.update(np.ascontiguousarray(library.pictures))
    for leaf in jax.tree.leaves(nnx.state(model)):
        digest.update(np.ascontiguousarray(leaf))
    return digest.hexdigest()


def _read(path: Path, made_of: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The vectors, unless there are none, or others, or the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["made_of"]) != made_of:
                return None
            return kept["pictures"], kept["texts"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, made_of: str, pictures: np.ndarray, texts: np.ndarray) -> None:
    """Whole or not at all; a folder that cannot be written to costs time the next time, no more."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            np.savez(file, made_of=made_of, pictures=pictures, texts=texts)
        os.replace(beside, path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
