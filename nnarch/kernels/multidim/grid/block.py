"""One block of a Grid LSTM, forward and backward, in terms of the products of its weights.

    H = [h_1; ...; h_N];  (h_n', m_n') = LSTM_n(H, m_n)

    i, f, o = sigmoid, g = tanh of H w_n + b_n
    m_n' = f m_n + i g;  h_n' = tanh(o m_n'), as published, or o tanh(m_n')

A dimension that is no LSTM is h_n' = tanh or relu of H w_n + b_n. A priority dimension comes last
and sees, in place of the others' h, their h'.

Dimensions that see the same H are a group, and share a product.
"""

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.multidim.grid.parameters import Kind, gates_of

Squash = Literal["after", "before"]


class Flow(NamedTuple):
    """What runs through a block, one entry a dimension."""

    h: tuple[Array, ...]  # [..., H]
    m: tuple[Array | None, ...]  # [..., H]; None where the dimension is no LSTM


class Block(NamedTuple):
    """What kind of block it is. Hashable: it is static under jit."""

    dimensions: tuple[Kind, ...]
    priority: int | None
    squash: Squash  # tanh after or before the output gate

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The dimensions of each product, in order."""
        places = range(len(self.dimensions))
        if self.priority is None or len(self.dimensions) == 1:
            return (tuple(places),)
        return tuple(p for p in places if p != self.priority), (self.priority,)

    def forward(self, products: Any, flow: Flow) -> tuple[Flow, tuple[Array, ...]]:
        """What leaves the block, and the gates of each group [..., sum of G H]."""
        h, m, kept = list(flow.h), list(flow.m), []
        for number, group in enumerate(self.groups):
            z = products.affine(number, jnp.concatenate(h, axis=-1))
            kept.append(self._activated(z, group))
            h, m = self._after(kept[-1], group, h, m)
        return Flow(tuple(h), tuple(m)), tuple(kept)

    def seen(
        self, h: Array, m: tuple[Array | None, ...], gates: tuple[Array, ...]
    ) -> tuple[Array, ...]:
        """The H of each group, from what entered: H and m."""
        if len(self.groups) == 1:
            return (h,)
        apart = list(jnp.split(h, len(self.dimensions), axis=-1))
        apart, _ = self._after(gates[0].astype(h.dtype), self.groups[0], apart, list(m))
        return h, jnp.concatenate([part.astype(h.dtype) for part in apart], axis=-1)

    def _activated(self, z: Array, group: tuple[int, ...]) -> Array:
        """Through tanh in one pass: sigmoid(z) = tanh(z / 2) / 2 + 1 / 2."""
        kinds = [self.dimensions[place] for place in group]
        hidden = z.shape[-1] // sum(map(gates_of, kinds))
        scale, shift = (
            np.repeat(np.concatenate([of[kind] for kind in kinds]), hidden).astype(z.dtype)
            for of in (_SCALE, _SHIFT)
        )
        squashed = scale * jnp.tanh(scale * z) + shift
        if "relu" not in kinds:
            return squashed
        is_relu = np.repeat([kind == "relu" for kind in kinds for _ in _SCALE[kind]], hidden)
        return jnp.where(is_relu, jnp.maximum(z, 0), squashed)

    def _after(self, gates: Array, group: tuple[int, ...], h: list, m: list) -> tuple[list, list]:
        """h and m with those of the group's dimensions replaced by what leaves the block."""
        h, m = list(h), list(m)
        for place, parts in zip(group, self._parts(gates, group), strict=True):
            if self.dimensions[place] != "lstm":
                (h[place],) = parts
                continue
            i, f, g, o = parts
            m[place] = f * m[place] + i * g
            h[place] = jnp.tanh(o * m[place]) if self.squash == "after" else o * jnp.tanh(m[place])
        return h, m

    def _parts(self, gates: Array, group: tuple[int, ...]) -> list[list[Array]]:
        """[..., sum of G H] -> the gates [..., H] of each of the group's dimensions."""
        counts = [gates_of(self.dimensions[place]) for place in group]
        parts = iter(jnp.split(gates, sum(counts), axis=-1))
        return [[next(parts) for _ in range(count)] for count in counts]

    # With dm the gradient of m' from all that follows, its path through h' included:
    #     squash after:   u = dh' (1 - h'^2),  do = u m',         dm = dm' + u o
    #     squash before:                       do = dh' tanh(m'),  dm = dm' + dh' o (1 - tanh(m')^2)
    #     di = dm g,  df = dm m,  dg = dm i,  each times its gate's derivative;  dm before = dm f
    #     dH = w [di, df, dg, do]
    # A group's dH goes to what it saw: the h' of groups before it, the h of all others.
    def backward(
        self, products: Any, m: tuple, gates: tuple[Array, ...], dafter: Flow
    ) -> tuple[Flow, tuple[Array, ...]]:
        """The gradient of what entered, and that of each group's arguments, from the m that
        entered and the gates.
        """
        dh_after, dh, dm = list(dafter.h), [0] * len(self.dimensions), list(dafter.m)
        dzs = []
        for number, group in reversed(list(enumerate(self.groups))):
            parts = []
            parts_of = self._parts(gates[number], group)
            for place, own in zip(group, parts_of, strict=True):
                dz, dm[place] = self._back(place, own, m[place], dh_after[place], dm[place])
                parts += dz
            dzs.append(jnp.concatenate(parts, axis=-1))
            pulled = jnp.split(products.pull(number, dzs[-1]), len(self.dimensions), axis=-1)
            earlier = {place for group in self.groups[:number] for place in group}
            for place, part in enumerate(pulled):
                into = dh_after if place in earlier else dh
                into[place] = into[place] + part
        return Flow(tuple(dh), tuple(dm)), tuple(reversed(dzs))

    def _back(self, place: int, parts: list[Array], m, dh: Array, dm):
        """The gradients of a dimension's arguments, and of the m that entered."""
        kind = self.dimensions[place]
        if kind != "lstm":
            (a,) = parts
            return [dh * (1 - a * a) if kind == "tanh" else jnp.where(a > 0, dh, 0)], None
        i, f, g, o = parts
        m_after = f * m + i * g
        if self.squash == "after":
            h = jnp.tanh(o * m_after)
            u = dh * (1 - h * h)
            do, dm = u * m_after, dm + u * o
        else:
            tanh_m = jnp.tanh(m_after)
            do, dm = dh * tanh_m, dm + dh * o * (1 - tanh_m * tanh_m)
        dz = [dm * g * i * (1 - i), dm * m * f * (1 - f), dm * i * (1 - g * g), do * o * (1 - o)]
        return dz, dm * f


_SCALE = {"lstm": [0.5, 0.5, 1, 0.5], "tanh": [1], "relu": [1]}
_SHIFT = {"lstm": [0.5, 0.5, 0, 0.5], "tanh": [0], "relu": [0]}
