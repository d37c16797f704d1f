"""What a figure was measured on: a number without its device and versions says nothing."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Literal

import jax

Platform = Literal["cpu", "gpu", "tpu"]

LIBRARIES = ("nnarch", "jax", "jaxlib", "flax", "optax", "torch", "keras", "numpy")


def device_of(kind: Platform | None) -> jax.Device:
    """The first device of a kind, or jax's own choice.

    Raises:
      ValueError: jax sees no such device.
    """
    if kind is None:
        return jax.devices()[0]
    try:
        return jax.devices(kind)[0]
    except RuntimeError as error:
        raise ValueError(
            f"expected a {kind}, and jax sees only {jax.default_backend()}. "
            f"Install nnarch[{kind}] on a machine that has one, or choose --device cpu."
        ) from error


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> float | None:
    """Running threads, mean over the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def describe(device: jax.Device) -> dict[str, object]:
    """The device, the processor and the versions, as JSON."""
    return {
        "device": device.device_kind if device.platform != "cpu" else "cpu",
        "processor": _processor(),
        "cores": cores(),
        "load_before": load(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    """The name of the CPU, and the widest vectors it has, which decide its peak."""
    try:
        facts = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    lines = [line.split(":", 1) for line in facts.splitlines() if ":" in line]
    entries = {key.strip(): value.strip() for key, value in lines}
    flags = entries.get("flags", "").split()
    widest = next((flag for flag in ("avx512f", "avx2", "avx") if flag in flags), "")
    return f"{entries.get('model name', platform.machine())} {widest}".strip()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
