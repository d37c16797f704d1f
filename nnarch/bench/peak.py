"""The fastest matrix product that this machine makes: what a recurrent layer could reach at most.

A few sizes and layouts are tried, by XLA and, where it is installed, by PyTorch, whose libraries
for the CPU differ by a factor of two on some shapes. The best of them then takes turns with the
layers, so that both sides of the fraction are measured in the same minutes.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nnarch.bench.timing import spread, take_turns
from nnarch.bench.torch_settings import torch_place

CPU_SIZES = ((1024, 1024, 1024), (2048, 2048, 2048), (4096, 1024, 64), (2048, 1024, 512))
ACCELERATOR_SIZES = ((4096, 4096, 4096), (8192, 8192, 8192))


class Product(NamedTuple):
    """A [m, k] times [k, n] product in some library and layout."""

    name: str
    flops: int
    run: Callable[[], object]  # returns when finished


class Peak(NamedTuple):
    """The product with the highest rate, and the rates of all that were tried."""

    best: Product
    gflops: dict[str, float]  # by name, in 1e9 operations a second


def find(device: jax.Device, *, sizes: tuple[tuple[int, int, int], ...] | None = None) -> Peak:
    """Measures every candidate for a moment and keeps the fastest."""
    if sizes is None:
        sizes = CPU_SIZES if device.platform == "cpu" else ACCELERATOR_SIZES
    products = [product for size in sizes for product in _candidates(device, *size)]
    seconds = take_turns({product.name: product.run for product in products}, repeats=3)
    rates = {
        product.name: product.flops / spread(seconds[product.name]).median / 1e9
        for product in products
    }
    best = max(products, key=lambda product: rates[product.name])
    return Peak(best, rates)


def _candidates(device: jax.Device, m: int, k: int, n: int) -> Iterator[Product]:
    rng = np.random.default_rng(0)
    left = rng.normal(size=(m, k)).astype(np.float32)
    right = rng.normal(size=(k, n)).astype(np.float32)
    name = f"{m}x{k}x{n}"
    yield Product(f"XLA {name}", 2 * m * k * n, _xla(device, left, right))
    yield Product(f"XLA {name}, transposed", 2 * m * k * n, _xla(device, right.T, left.T))
    try:
        yield Product(f"torch {name}", 2 * m * k * n, _torch(device, left, right))
    except ImportError:
        return


def _xla(device: jax.Device, left: np.ndarray, right: np.ndarray) -> Callable[[], object]:
    left, right = jax.device_put((np.ascontiguousarray(left), np.ascontiguousarray(right)), device)
    product = jax.jit(jnp.matmul).lower(left, right).compile()
    return lambda: jax.block_until_ready(product(left, right))


def _torch(device: jax.Device, left: np.ndarray, right: np.ndarray) -> Callable[[], object]:
    import torch

    place = torch_place(device)
    a, b = torch.from_numpy(left).to(place), torch.from_numpy(right).to(place)

    def run() -> None:
        torch.mm(a, b)
        if place == "cuda":
            torch.cuda.synchronize()

    return run
