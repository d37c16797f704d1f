"""Layers put together: two directions side by side, and layers one above the other."""

from collections.abc import Sequence
from typing import Any

from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.nn.keys import fold_key
from nnarch.nn.linear import dropout
from nnarch.nn.lstm_variants import LayerNormLSTM, PeepholeLSTM
from nnarch.nn.recurrent import GRU, LSTM, Elman
from nnarch.nn.state_noise import StateNoise

_KERNELS = {
    Elman: kernels.elman,
    LSTM: kernels.lstm,
    GRU: kernels.gru,
    PeepholeLSTM: kernels.peephole_lstm,
    LayerNormLSTM: kernels.layer_norm_lstm,
}


class Bidirectional(nnx.Module):
    """Two layers of one kind over the same rows, one from each end (Schuster & Paliwal 1997)."""

    def __init__(self, forward: nnx.Module, backward: nnx.Module):
        _check_directions(forward, backward)
        self.forward = forward
        self.backward = backward

    def __call__(
        self,
        xs: Array,
        initial: tuple[Any, Any] | None = None,
        *,
        lengths: Array | None = None,
        starts: Array | None = None,
        recurrent_mask: tuple[Array, Array] | None = None,
        zoneout: tuple[Any, Any] | None = None,
        implementation: str | None = None,
    ) -> tuple[Array, tuple[Any, Any]]:
        """Runs `kernels.bidirectional`: xs [B, T, D] to ys [B, T, 2H] and both last states."""
        return kernels.bidirectional(
            _KERNELS[type(self.forward)],
            self.forward.params,
            self.backward.params,
            xs,
            initial,
            lengths=lengths,
            reset=getattr(self.forward, "reset", "after"),
            starts=starts,
            recurrent_mask=recurrent_mask,
            zoneout=zoneout,
            implementation=implementation,
        )


def _check_directions(forward: nnx.Module, backward: nnx.Module) -> None:
    kinds = type(forward), type(backward)
    if kinds[0] is not kinds[1] or kinds[0] not in _KERNELS:
        names = ", ".join(kind.__name__ for kind in _KERNELS)
        raise ValueError(
            f"Bidirectional expects two layers of one kind, {names}; got "
            f"{kinds[0].__name__} and {kinds[1].__name__}."
        )
    resets = [getattr(layer, "reset", None) for layer in (forward, backward)]
    if resets[0] != resets[1]:
        raise ValueError(f"Bidirectional expects one kind of reset in both GRUs; got {resets}.")


class Stacked(nnx.Module):
    """Recurrent layers one above the other.

    Each layer reads the outputs of the one below; dropout stands between layers, never after the
    last. From layer `residual_from` on (0 is the lowest) a layer's input is added to its output
    (Wu et al. 2016, section 3.1); left out, none is. `noise` is in the state of every layer.
    """

    def __init__(
        self,
        layers: Sequence[nnx.Module],
        *,
        dropout_rate: float = 0.0,
        residual_from: int | None = None,
        noise: StateNoise = StateNoise(),  # noqa: B008 - immutable
    ):
        self.layers = nnx.List(layers)
        self.dropout_rate = dropout_rate
        self.noise = noise
        self.residual_from = len(layers) if residual_from is None else residual_from

    def __call__(
        self,
        xs: Array,
        initial: Sequence[Any] | None = None,
        *,
        lengths: Array | None = None,
        starts: Array | None = None,
        key: Array | None = None,
        implementation: str | None = None,
    ) -> tuple[Array, tuple[Any, ...]]:
        """Runs all layers.

        Args:
          xs: [B, T, D], right-padded.
          initial: one state a layer; zeros if left out.
          lengths: int32 [B], valid steps of each row; T if left out.
          starts: bool [B, T] or [B], True where a sequence starts: no state passes into it.
          key: for dropout and noise; None means evaluation.
          implementation: what every layer's kernel is asked for.

        Returns:
          The top layer's ys and every layer's last state, the lowest first.

        Raises:
          ValueError: not one initial state a layer, or widths that a residual cannot add.
        """
        states = [None] * len(self.layers) if initial is None else list(initial)
        if len(states) != len(self.layers):
            raise ValueError(f"Stacked has {len(self.layers)} layers; got {len(states)} states.")
        finals = []
        for depth, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            if depth:
                xs = dropout(xs, fold_key(key, depth), self.dropout_rate)
            mask, zoneout = self._noise_of(layer, fold_key(key, len(states) + depth), xs)
            ys, final = layer(
                xs,
                state,
                lengths=lengths,
                starts=starts,
                recurrent_mask=mask,
                zoneout=zoneout,
                implementation=implementation,
            )
            xs = _add(xs, ys, depth) if depth >= self.residual_from else ys
            finals.append(final)
        return xs, tuple(finals)

    def _noise_of(self, layer: nnx.Module, key: Array | None, xs: Array) -> tuple[Any, Any]:
        if self.noise == StateNoise():
            return None, None
        if isinstance(layer, Bidirectional):
            return self.noise.draw_pair((layer.forward, layer.backward), key, *xs.shape[:2])
        return self.noise.draw(layer, key, *xs.shape[:2])


def _add(xs: Array, ys: Array, depth: int) -> Array:
    if xs.shape != ys.shape:
        raise ValueError(
            f"layer {depth} cannot add its input {xs.shape} to its output {ys.shape}. "
            "Give it as many units as inputs, or set residual_from above it."
        )
    return xs + ys
