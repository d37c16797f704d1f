"""Which single cells follow what a reader keeps in mind: chosen on validation, shown on test."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from nnarch import report as page
from nnarch.data.alphabet import START, Alphabet
from nnarch.data.character_texts import Document
from nnarch.metrics.text_properties import (
    OF_PROSE,
    Follower,
    Properties,
    correlations,
    followers,
    text_properties,
)
from nnarch.models.character_lm import CharacterLM

DOCUMENTS = 8  # that are looked at of a split, the longest
CHARACTERS = 4000  # of each, from its start
SHOWN = 700  # characters of a coloured text


class _Seen(NamedTuple):
    text: str  # the beginnings of documents, one behind the other
    each: int  # characters of each
    cells: np.ndarray  # float32 [len(text), layers * hidden]
    properties: Properties


def cells_section(
    model: CharacterLM,
    alphabet: Alphabet,
    splits: Mapping[str, Sequence[Document]],
    *,
    prose: bool,
) -> page.Section:
    """Real text in the colours of the cells that follow it most closely."""
    chosen_on, shown_on = (_look(model, alphabet, splits[s]) for s in ("validation", "test"))
    wanted = {
        name: values
        for name, values in chosen_on.properties.items()
        if name in OF_PROSE or not prose
    }
    chosen = followers(chosen_on.cells, wanted)
    hidden = chosen_on.cells.shape[1] // len(model.stack.layers)
    return page.coloured_section(
        "What single cells follow",
        [_shown(name, follower, shown_on, hidden) for name, follower in chosen.items()],
        note="For each property of a text the cell that goes with it most closely on validation "
        "text, on a passage of test text where the property changes most: blue where the cell is "
        "above 0, red where it is below (tanh of an LSTM's cell, the state of a GRU). What is "
        "told is the correlation on validation text, and on test text.",
    )


def _shown(name: str, follower: Follower, seen: _Seen, hidden: int) -> page.ColouredText:
    values = seen.cells[:, follower.cell]
    here = correlations(values[:, None], seen.properties[name])[0]
    layer, unit = divmod(follower.cell, hidden)
    start = _where_it_changes(seen, seen.properties[name])
    passage = slice(start, start + min(SHOWN, seen.each))
    return page.ColouredText(
        f"{name}: layer {layer + 1}, cell {unit} ({follower.correlation:+.2f}, {here:+.2f})",
        seen.text[passage],
        values[passage],
    )


def _where_it_changes(seen: _Seen, values: np.ndarray) -> int:
    """The line's start, in whichever document, from which the property's deviation is largest."""
    starts = [place for place in range(len(seen.text)) if _begins(seen, place)]
    return max(starts, key=lambda start: values[start : start + SHOWN].std())


def _begins(seen: _Seen, place: int) -> bool:
    """Whether a passage may begin there: with a line or a document, of which enough is left."""
    within = place % seen.each
    return not within or (seen.text[place - 1] == "\n" and within + SHOWN <= seen.each)


def _look(model: CharacterLM, alphabet: Alphabet, documents: Sequence[Document]) -> _Seen:
    longest = sorted(documents, key=lambda document: -len(document.text))[:DOCUMENTS]
    size = min(CHARACTERS, *(len(document.text) for document in longest))
    texts = [document.text[:size] for document in longest]
    numbers = np.stack([alphabet.encode(text) for text in texts])
    held = _held(*nnx.split(model), np.pad(numbers, [(0, 0), (1, 0)], constant_values=START))
    cells = np.asarray(held)[1:].swapaxes(0, 1)  # after each character, not the start
    each = [text_properties(text) for text in texts]
    properties = {name: np.concatenate([found[name] for found in each]) for name in each[0]}
    return _Seen("".join(texts), size, cells.reshape(-1, cells.shape[-1]), properties)


@partial(jax.jit, static_argnums=0)
def _held(graph: nnx.GraphDef, state: nnx.State, numbers: Array) -> Array:
    """What all cells hold after each of numbers [B, T]: [T, B, cells]."""
    model = nnx.merge(graph, state)

    def step(states: tuple, here: Array) -> tuple:
        _, states = model(here[:, None], states)
        cells = (jnp.tanh(s.c) if hasattr(s, "c") else s.h for s in states)
        return states, jnp.concatenate([*cells], axis=-1)

    return jax.lax.scan(step, model.initial(len(numbers)), jnp.asarray(numbers).T)[1]
