"""Residuals are what the backward pass is handed, once, less what lives on anyway."""

import jax.numpy as jnp
import pytest

from nnarch.bench.memory import residual_bytes

KIBI = 1024


def test_a_square_keeps_only_its_argument():
    assert residual_bytes(lambda x: jnp.sum(x * x), jnp.ones(KIBI)) == 0


def test_what_lies_between_is_counted():
    kept = residual_bytes(lambda x: jnp.sum(jnp.sin(jnp.sin(x))), jnp.ones(KIBI))
    assert kept == 2 * 4 * KIBI


def test_torch_is_counted_alike():
    torch = pytest.importorskip("torch")
    from nnarch.bench.memory import saved_by_torch

    x = torch.ones(KIBI, requires_grad=True)
    assert saved_by_torch(lambda: x.sin().sin().sum(), [x]) == 4 * KIBI  # cosines: later
    assert saved_by_torch(lambda: (x * x).sum(), [x]) == 0
