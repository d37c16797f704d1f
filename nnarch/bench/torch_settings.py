"""PyTorch set to the same device, cores and exactness as jax; torch is imported inside."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import jax

from nnarch.bench import host

Products = Literal["float32", "fast"]


def torch_place(device: jax.Device) -> str:
    """The torch device that stands for a jax one.

    Raises:
      ImportError: torch is not installed, or this build of it cannot use the device.
    """
    import torch

    if device.platform == "cpu":
        torch.set_num_threads(host.cores())
        return "cpu"
    if device.platform == "gpu" and torch.cuda.is_available():
        return "cuda"
    raise ImportError(f"this torch has no {device.platform}")


@contextmanager
def alike(device: jax.Device, products: Products = "float32") -> Iterator[None]:
    """jax works on this device, and it and PyTorch multiply float32 with the same exactness."""
    _set_torch_products(products)
    precision = {"float32": "float32", "fast": "default"}[products]
    with jax.default_device(device), jax.default_matmul_precision(precision):
        yield


def _set_torch_products(products: Products) -> None:
    """Full float32 products, or TF32 where the device has it. Does nothing without torch."""
    try:
        import torch
    except ImportError:
        return
    torch.backends.cuda.matmul.allow_tf32 = products == "fast"
    torch.backends.cudnn.allow_tf32 = products == "fast"
