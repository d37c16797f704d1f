"""A trained model over many rows, a batch at a time."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array

from nnarch.data.examples import Examples, Fixed
from nnarch.data.pipeline import evaluation_batches


def over_batches(
    batch_size: int,
    run: Callable[[nnx.GraphDef, nnx.State, dict[str, Array]], Any],
    model: nnx.Module,
    fields: Mapping[str, np.ndarray],
) -> Any:
    """What `run`, jitted, gives of all rows of the fields: a pytree of arrays [N, ...].

    Batches are all of one size; what fills the last one is left out of what is returned.
    """
    graph, state = nnx.split(model)
    rows = np.arange(len(next(iter(fields.values()))))
    examples = Examples(fixed={name: Fixed(values, rows) for name, values in fields.items()})
    found = []
    for batch in evaluation_batches(examples, batch_size):
        given = run(graph, state, {name: batch[name] for name in fields})
        valid = batch["valid"]
        found.append(jax.tree.map(lambda part, valid=valid: np.asarray(part)[valid], given))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *found)
