"""Noise in the state of recurrent layers: dropout of it, one mask a sequence, and zoneout."""

from typing import Any, NamedTuple

import jax
from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.nn.keys import split_key


class StateNoise(NamedTuple):
    """What a recurrent layer's state goes through in training; static.

    Sources: Gal and Ghahramani 2016, arXiv 1512.05287; Krueger et al. 2016, arXiv 1606.01305.
    """

    dropout_rate: float = 0.0  # of h where it meets recurrent weights
    zoneout_rates: tuple[float, ...] = ()  # of each part of the state, (h,) or (h, c), or of none

    def draw(
        self, layer: nnx.Module, key: Array | None, batch: int, steps: int
    ) -> tuple[Array | None, Any]:
        """What to ask a layer's kernel for: recurrent_mask and zoneout.

        Args:
          layer: a recurrent layer, which names its `State`.
          key: a typed key for this call and this layer alone; None means evaluation: no dropout,
            and of each unit the share that zoneout keeps of it on average.
          batch: rows B.
          steps: T.

        Raises:
          ValueError: not one rate for each part of the state, or not from 0 to 1.
        """
        self._check(layer.State)
        if key is None:
            return None, layer.State(*self.zoneout_rates) if self.zoneout_rates else None
        for_mask, *for_parts = jax.random.split(key, 1 + len(self.zoneout_rates))
        hidden = layer.w_h.shape[0]
        mask = zoneout = None
        if self.dropout_rate:
            mask = kernels.recurrent_dropout_mask(for_mask, batch, hidden, rate=self.dropout_rate)
        if self.zoneout_rates:
            keyed = zip(for_parts, self.zoneout_rates, strict=True)
            parts = (kernels.zoneout_mask(k, batch, steps, hidden, rate=r) for k, r in keyed)
            zoneout = layer.State(*parts)
        return mask, zoneout

    def draw_pair(
        self, layers: tuple[nnx.Module, nnx.Module], key: Array | None, batch: int, steps: int
    ) -> tuple[Any, Any]:
        """The same for two directions, each with masks of its own."""
        keys = split_key(key)
        drawn = [self.draw(*each, batch, steps) for each in zip(layers, keys, strict=True)]
        masks, zoneouts = zip(*drawn, strict=True)
        return _pair(masks), _pair(zoneouts)

    def _check(self, state: type) -> None:
        if self.zoneout_rates and len(self.zoneout_rates) != len(state._fields):
            raise ValueError(
                f"StateNoise expects a zoneout rate for each of {state._fields} in "
                f"{state.__name__}, or none; got {self.zoneout_rates}."
            )
        if not all(0 <= rate <= 1 for rate in self.zoneout_rates):
            raise ValueError(f"zoneout rates are from 0 to 1; got {self.zoneout_rates}.")


def _pair(values: tuple) -> tuple | None:
    return None if values[0] is None else values
