"""SpecAugment: some frames and some bands of a spectrogram are blotted out.

Source: Park et al. 2019, "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
Recognition", section 2; its time warping, which changes lengths and gained the least, is left out.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, random


def spec_augment(
    key: Array,
    features: Array,
    lengths: Array,
    *,
    time_masks: int = 2,
    longest_time: int = 40,
    longest_share: float = 0.2,
    band_masks: int = 2,
    widest_band: int = 15,
) -> Array:
    """Blots out stretches of frames and of bands with 0, in each row others.

    0 is the mean of normalised features (nnarch.signal.spectrogram.normalise). The numbers depend
    on the key and a row's place in the batch, not on how the batch is spread over devices.

    Args:
      key: a typed key, for the whole batch.
      features: float [B, F, M].
      lengths: int32 [B], valid frames of each row; a stretch ends before a row does.
      time_masks: stretches of frames of each row; their length is drawn from 0 to `longest_time`.
      longest_share: of a row's frames, what one stretch has at most.
      band_masks: stretches of bands; their width is drawn from 0 to `widest_band`.

    Returns:
      [B, F, M] in the dtype of features.

    Raises:
      ValueError: a shape does not fit the others, or a band may be wider than all bands.
    """
    if features.ndim != 3 or np.shape(lengths) != features.shape[:1]:
        raise ValueError(
            f"spec_augment expects features [B, F, M] and lengths [B]; got {features.shape} and "
            f"{np.shape(lengths)}. Put the batch first and the bands last."
        )
    if widest_band > features.shape[2]:
        raise ValueError(
            f"spec_augment expects a widest_band of {features.shape[2]} bands at most; got "
            f"{widest_band}. Leave some to hear."
        )
    masks = (time_masks, longest_time, longest_share, band_masks, widest_band)
    return _spec_augment(key, features, jnp.asarray(lengths), masks)


@partial(jax.jit, static_argnums=3)
def _spec_augment(
    key: Array, features: Array, lengths: Array, masks: tuple[int, int, float, int, int]
) -> Array:
    time_masks, longest_time, longest_share, band_masks, widest_band = masks
    batch, frames, bands = features.shape
    for_time, for_bands = random.split(key)
    longest = jnp.minimum(longest_time, (longest_share * lengths).astype(jnp.int32))
    every = jnp.full(batch, bands)
    hidden_frames = _stretches(for_time, time_masks, longest, lengths, frames)
    hidden_bands = _stretches(for_bands, band_masks, jnp.minimum(widest_band, every), every, bands)
    hidden = hidden_frames[:, :, None] | hidden_bands[:, None, :]
    return jnp.where(hidden, 0, features)


def _stretches(key: Array, count: int, longest: Array, within: Array, size: int) -> Array:
    """bool [B, size]: `count` stretches of 0 to `longest` places, inside the first `within`."""
    widths, starts = random.uniform(key, (2, *longest.shape, count))
    width = jnp.floor(widths * (longest + 1)[:, None])
    start = jnp.floor(starts * (within[:, None] - width + 1))
    places = jnp.arange(size)
    inside = (places >= start[..., None]) & (places < (start + width)[..., None])
    return inside.any(axis=1)
