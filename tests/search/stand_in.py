"""An index of four coloured squares that needs no training: vectors are colours."""

import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
from data.coloured_squares import COLOURS, SIZE, square

from nnarch.data.captions import Captioned
from nnarch.nn import Linear
from scripts.runs import Run
from scripts.search_index import Index
from scripts.search_server import SearchServer

# What would run, if a name were taken for markup.
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> red'


def library():
    """A square of each colour; the red one has a hostile name."""
    names = [HOSTILE if colour == "red" else f"{colour} square" for colour in COLOURS]
    return Captioned(
        pictures=np.stack([square(colour, 3) for colour in COLOURS.values()]),
        captions=tuple((tuple(name.split()),) for name in names),
        accepted=tuple(frozenset([name]) for name in names),
        details={"artist": ("noto",) * len(names)},
    )


def place_pictures(config, model, pictures):
    """A picture is its mean colour, less what is common to all."""
    return _unit(255 - pictures.reshape(len(pictures), -1, 3).mean(axis=1))


def place_texts(config, model, texts):
    """A text is the first colour it names."""
    named = [next((c for c in COLOURS if c in text.split()), "black") for text in texts]
    return place_pictures(config, model, np.stack([square(COLOURS[name], 3) for name in named]))


def _unit(vectors):
    vectors = vectors - vectors.mean(axis=1, keepdims=True) + 1e-3
    return np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def unknown_words(config, text):
    """Every word that is no colour."""
    return [word for word in text.split() if word not in (*COLOURS, "square")]


def run(workdir=Path("nowhere"), seed=0):
    """A run whose weights nothing is made of."""
    experiment = SimpleNamespace(
        place_pictures=place_pictures,
        place_texts=place_texts,
        unknown_words=unknown_words,
        library=lambda config: library(),
        names_of=lambda split: [" ".join(each[0]) for each in split.captions],
    )
    config = SimpleNamespace(data=SimpleNamespace(size=SIZE))
    return Run(workdir, experiment, config, Linear(2, 2, key=jax.random.key(seed)), 0)


def index():
    """Of the library above."""
    of = run()
    names, config = of.experiment.names_of(library()), of.config
    return Index(
        of,
        library(),
        names,
        place_pictures(config, None, library().pictures),
        place_texts(config, None, names),
    )


@contextmanager
def served(of=None):
    """A server of the index on a port of its own, in a thread."""
    with SearchServer(of or index(), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
