"""Bytes that a training step keeps from its forward to its backward pass.

Two figures, since each hides something of the other:

- residuals: what `jax.vjp` of the jitted loss hands from forward to backward, each buffer once,
  less the arguments themselves (parameters and inputs live on anyway). The loss is part of it, so
  the outputs that its derivative needs are counted for everyone alike. What is zero from end to
  end is left out: it stands in for what another platform would keep, and is none of a compiled
  step. For PyTorch the same is what autograd saves. Libraries are compared by this figure.
- temporary: what XLA sets aside for the whole compiled step, scratch and transposes included.
"""

from collections.abc import Callable

import jax
import numpy as np
from jax import Array


def residual_bytes(loss: Callable[..., Array], *arguments: object) -> int:
    """Bytes held between forward and backward of `loss(*arguments)`, the arguments excepted."""
    _, backward = jax.vjp(jax.jit(loss), *arguments)
    kept = {_buffer(leaf): leaf.nbytes for leaf in _arrays(backward) if _says_something(leaf)}
    for leaf in _arrays(arguments):
        kept.pop(_buffer(leaf), None)
    return sum(kept.values())


def _says_something(array: Array) -> bool:
    return bool(np.any(np.asarray(array)))


def _arrays(tree: object) -> list[Array]:
    return [leaf for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array) and leaf.nbytes]


def _buffer(array: Array) -> int:
    """Where it lies in memory: two arrays that share a buffer cost it once."""
    return array.unsafe_buffer_pointer()


def temporary_bytes(compiled: jax.stages.Compiled) -> int | None:
    """What the compiled step sets aside beside its arguments and results, if the device tells."""
    analysis = compiled.memory_analysis()
    return None if analysis is None else int(analysis.temp_size_in_bytes)


def saved_by_torch(loss: Callable[[], object], leaves: list) -> int:
    """Bytes that autograd saves in `loss()`, a tensor each storage once, `leaves` excepted."""
    import torch

    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        alive = loss()  # held, or a freed storage's address could be counted as another's
    for leaf in leaves:
        kept.pop(leaf.untyped_storage().data_ptr(), None)
    del alive
    return sum(kept.values())
