"""Volumes as `segmentation` draws them from maps of tissues, to train and to validate on."""

from dataclasses import dataclass

import jax
from jax import Array

from nnarch.signal.volumes import deform, labels_of, paint


@dataclass(frozen=True)
class DrawingConfig:
    """How far drawn volumes differ: see nnarch.signal.volumes."""

    turn: float = 0.2
    """Farthest that a volume is turned about each axis, in radians."""
    stretch: float = 0.15
    """Share by which an axis grows or shrinks."""
    bend: float = 2.0
    """How far a voxel is moved beside that, in voxels."""
    in_order: float = 0.75
    """Share of volumes whose tissues become brighter in the order that a T1 picture has."""
    gain: float = 0.2
    """Share by which the whole is brighter or darker."""
    texture: float = 0.1
    """Share by which a tissue's brightness varies slowly."""
    bias: float = 0.3
    """The largest strength of the bias field."""
    noise: float = 0.15
    """The largest standard deviation of the noise, white matter being 1."""


def draw(config: DrawingConfig, key: Array, shares: Array, *, size: int) -> tuple[Array, Array]:
    """Volumes float32 [B, size, size, size] from blocks of the maps, and their voxels' labels."""
    for_shape, for_picture = jax.random.split(key)
    shares = deform(
        for_shape, shares, size=size, turn=config.turn, stretch=config.stretch, bend=config.bend
    )
    pictures = paint(
        for_picture,
        shares,
        in_order=config.in_order,
        gain=config.gain,
        texture=config.texture,
        bias=(0.0, config.bias),
        noise=(0.0, config.noise),
    )
    return pictures, labels_of(shares)


def draw_to_validate(
    config: DrawingConfig, key: Array, shares: Array, *, size: int, strength: float
) -> tuple[Array, Array]:
    """As `draw`, in T1's order of tissues and as the maps lie, with a bias field and noise of the
    given strength: at 1, the strongest field and two thirds of the strongest noise.
    """
    for_shape, for_picture = jax.random.split(key)
    shares = deform(for_shape, shares, size=size)
    bias, noise = strength * config.bias, strength * config.noise * 2 / 3
    pictures = paint(for_picture, shares, bias=(bias, bias), noise=(noise, noise))
    return pictures, labels_of(shares)
