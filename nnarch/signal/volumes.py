"""Pictures of bodies drawn at random from maps of their tissues: a new shape, a new contrast.

A map says which share of each voxel every tissue fills. It is bent and turned, each tissue is given
a brightness, and a scanner's bias field and noise are laid over it. A net that is trained on such
volumes never sees a real one, and cannot come to rely on one scanner's brightnesses.

Source: Billot et al. 2023, "SynthSeg", arXiv 2107.09559, from shares instead of labels: a voxel
that two tissues fill then has a brightness between both.
"""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax, random


@partial(jax.jit, static_argnames=("size", "turn", "stretch", "bend", "nodes"))
def deform(
    key: Array,
    maps: Array,
    *,
    size: int,
    turn: float = 0.2,
    stretch: float = 0.15,
    bend: float = 2.0,
    nodes: int = 4,
) -> Array:
    """Turns, stretches, shears and bends each volume of a batch at random, in its own way.

    The numbers depend on the key and a volume's place in the batch, not on how the batch is spread
    over devices.

    Args:
      key: a typed key, for the whole batch.
      maps: [B, S, S, S, K] from 0 to 1, or uint8 from 0 to 255.
      size: voxels a side of what comes back, the middle of what went in. The voxels around it are
        there to be moved in; beyond them the border is continued.
      turn: the largest angle about each axis, in radians.
      stretch: share by which an axis grows or shrinks at most; half of it for shears.
      bend: standard deviation of the displacement of each of the nodes, in voxels.
      nodes: of a grid a side, between which displacements are interpolated.

    Returns:
      float32 [B, size, size, size, K], from 0 to 1.

    Raises:
      ValueError: maps are no cubes, of 2 voxels a side or more.
    """
    batch, *sides, _ = maps.shape
    if len(sides) != 3 or len({*sides}) != 1 or sides[0] < 2:
        raise ValueError(
            f"deform expects maps [B, S, S, S, K], S of 2 or more; got {maps.shape}. Pad the "
            "shorter sides."
        )
    for_matrix, for_bend = random.split(key)
    matrices = _matrices(for_matrix, batch, turn, stretch)
    middle = (size - 1) / 2
    steps = jnp.arange(size, dtype=jnp.float32) - middle
    grid = jnp.stack(jnp.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    # Full float32: what a TPU makes of products by default would move voxels by a tenth of one.
    turned = jnp.einsum("bij,zyxj->bzyxi", matrices, grid, precision=lax.Precision.HIGHEST)
    bent = turned + bend * smooth_fields(for_bend, (batch, 3), (size,) * 3, nodes=nodes)
    return jax.vmap(_interpolated)(maps, bent + (maps.shape[1] - 1) / 2)


def _matrices(key: Array, batch: int, turn: float, stretch: float) -> Array:
    """[B, 3, 3]: rotations about the three axes after a stretch and a shear."""
    for_angles, for_stretch = random.split(key)
    angles = random.uniform(for_angles, (3, batch), minval=-turn, maxval=turn)
    strengths = stretch * (0.5 + 0.5 * np.eye(3, dtype=np.float32))
    change = strengths * random.uniform(for_stretch, (batch, 3, 3), minval=-1, maxval=1)
    matrix = jnp.eye(3) + change
    for axis, angle in enumerate(angles):
        matrix = jnp.einsum(
            "bij,bjk->bik", _rotation(angle, axis), matrix, precision=lax.Precision.HIGHEST
        )
    return matrix


def _rotation(angles: Array, axis: int) -> Array:
    """[B] radians -> [B, 3, 3], about one axis."""
    first, second = (other for other in range(3) if other != axis)
    cosines, sines = jnp.cos(angles), jnp.sin(angles)
    matrix = jnp.tile(jnp.eye(3), (len(angles), 1, 1))
    matrix = matrix.at[:, first, first].set(cosines).at[:, second, second].set(cosines)
    return matrix.at[:, first, second].set(-sines).at[:, second, first].set(sines)


def smooth_fields(
    key: Array, count: tuple[int, int], shape: tuple[int, int, int], *, nodes: int
) -> Array:
    """Fields that vary slowly: normal numbers at nodes, and what lies between them.

    Returns:
      float32 [B, Z, Y, X, K] for a count of (B, K), of a standard deviation of 1 at the nodes.
    """
    fields = random.normal(key, (count[0], nodes, nodes, nodes, count[1]))
    for axis, length in enumerate(shape, 1):
        weights = _between_nodes(nodes, length)
        fields = jnp.moveaxis(
            jnp.tensordot(fields, weights, (axis, 1), precision=lax.Precision.HIGHEST), -1, axis
        )
    return fields


def _between_nodes(nodes: int, length: int) -> np.ndarray:
    """[length, nodes]: the weight of each node at each voxel, nodes at both ends; no kinks."""
    places = np.linspace(0, nodes - 1, length)
    away = np.clip(np.abs(places[:, None] - np.arange(nodes)), 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * away)).astype(np.float32)


def _interpolated(maps: Array, places: Array) -> Array:
    """[S, S, S, K] read at places [..., 3], linearly between voxels -> [..., K] from 0 to 1."""
    size = maps.shape[0]
    scale = 255.0 if jnp.issubdtype(maps.dtype, jnp.integer) else 1.0
    places = jnp.clip(places, 0, size - 1)
    lower = jnp.minimum(places.astype(jnp.int32), size - 2)
    beyond = places - lower
    flat = maps.reshape(size**3, maps.shape[3])
    total = jnp.zeros((), jnp.float32)
    for corner in product((0, 1), repeat=3):
        z, y, x = (lower[..., axis] + step for axis, step in enumerate(corner))
        sides = (beyond[..., a] if step else 1 - beyond[..., a] for a, step in enumerate(corner))
        weight = next(sides) * next(sides) * next(sides)
        values = jnp.take(flat, (z * size + y) * size + x, axis=0, mode="clip")
        total += weight[..., None] * values.astype(jnp.float32)
    return total / scale


@partial(
    jax.jit,
    static_argnames=("in_order", "gap", "gain", "texture", "bias", "noise"),
)
def paint(
    key: Array,
    shares: Array,
    *,
    in_order: float = 1.0,
    gap: float = 0.15,
    gain: float = 0.2,
    texture: float = 0.1,
    bias: tuple[float, float] = (0.0, 0.3),
    noise: tuple[float, float] = (0.0, 0.15),
) -> Array:
    """Gives each tissue a brightness, and lays a bias field and noise over the whole.

    Every number is drawn anew for each volume, uniformly where a range stands.

    Args:
      key: a typed key, for the whole batch.
      shares: [B, Z, Y, X, K], which part of a voxel each tissue fills; what is missing to 1 is
        empty, and dark.
      in_order: share of the volumes whose tissues become brighter from the first to the last, as
        on a T1 picture fluid, grey and white matter do; in the others any order.
      gap: the least difference between two tissues, where the brightest is 1.
      gain: share by which the whole is brighter or darker at most.
      texture: share by which a tissue's brightness varies slowly from place to place, at most, as
        one standard deviation.
      bias: range of the bias field's strength: brightness is multiplied by the exponential of a
        field of that standard deviation at the volume's corners, and of what lies between.
      noise: range of the noise's standard deviation, where the brightest tissue is 1.

    Returns:
      float32 [B, Z, Y, X].

    Raises:
      ValueError: so many tissues cannot lie that far apart.
    """
    batch, *shape, tissues = shares.shape
    if gap * (tissues - 1) > 1:
        raise ValueError(f"{tissues} tissues cannot lie {gap} apart from 0 to 1. Make gap smaller.")
    for_means, for_texture, for_bias, for_noise, for_strengths = random.split(key, 5)
    means = _means(for_means, batch, tissues, in_order, gap)
    ranges = ((-gain, gain), (0.0, texture), bias, noise)
    louder, rough, slope, grain = _strengths(for_strengths, batch, ranges)
    varied = 1 + rough[..., None] * smooth_fields(for_texture, (batch, tissues), shape, nodes=3)
    picture = jnp.sum(shares * varied * means[:, None, None, None], axis=-1)
    field = smooth_fields(for_bias, (batch, 1), shape, nodes=2)[..., 0]
    picture = (1 + louder) * picture * jnp.exp(slope * field)
    return picture + grain * random.normal(for_noise, (batch, *shape))


def _strengths(key: Array, batch: int, ranges: tuple[tuple[float, float], ...]) -> list[Array]:
    """One number for each volume out of each range: float32 [B, 1, 1, 1]."""
    low, high = np.array(ranges, np.float32).T[:, :, None]
    drawn = random.uniform(key, (len(ranges), batch), minval=low, maxval=high)
    return list(drawn[..., None, None, None])


def _means(key: Array, batch: int, tissues: int, in_order: float, gap: float) -> Array:
    """[B, K]: brightnesses at least `gap` apart, the brightest 1."""
    for_steps, for_order, for_choice = random.split(key, 3)
    # Of K parts of what the gaps leave, the first lies below the darkest tissue.
    parts = random.dirichlet(for_steps, jnp.ones(tissues), (batch,))
    rising = jnp.cumsum(parts * (1 - gap * (tissues - 1)), axis=-1) + gap * jnp.arange(tissues)
    order = jnp.argsort(random.uniform(for_order, (batch, tissues)), axis=-1)
    mixed = jnp.take_along_axis(rising, order, axis=-1)
    kept = random.uniform(for_choice, (batch, 1)) < in_order
    return jnp.where(kept, rising, mixed)


def labels_of(shares: Array) -> Array:
    """What fills most of each voxel: [..., K] -> int32 [...], 0 what lies around, then tissues."""
    around = 1 - jnp.sum(shares, axis=-1, keepdims=True)
    return jnp.argmax(jnp.concatenate([around, shares], axis=-1), axis=-1).astype(jnp.int32)


def normalised(picture: np.ndarray, *, share: float = 0.9) -> np.ndarray:
    """A real picture, its brightest tissue brought near 1 as `paint` has it.

    Args:
      picture: [Z, Y, X], any numbers; around the body dark.
      share: of the body's voxels are darker than what is called 1.

    Returns:
      float32 [Z, Y, X], about 0 around the body.

    Raises:
      ValueError: it holds one brightness alone, or something that is no number.
    """
    picture = np.asarray(picture, np.float32)
    if not np.isfinite(picture).all() or not np.ptp(picture):
        raise ValueError(
            "expected a picture of finite, different brightnesses; got "
            f"{'one brightness' if np.isfinite(picture).all() else 'NaN or infinity'}."
        )
    is_body = picture > _threshold(picture)
    ground = np.median(picture[~is_body])  # such as air in a CT, -1000
    return (picture - ground) / (np.quantile(picture[is_body], share) - ground)


def _threshold(picture: np.ndarray) -> float:
    """Half-way between the means of what is darker and of what is brighter than it.

    Source: Ridler and Calvard 1978, "Picture thresholding using an iterative selection method".
    """
    threshold = float(picture.mean())
    for _ in range(50):
        brighter = picture > threshold
        middle = (float(picture[brighter].mean()) + float(picture[~brighter].mean())) / 2
        if abs(middle - threshold) < 1e-4 * abs(middle):
            break
        threshold = middle
    return threshold
