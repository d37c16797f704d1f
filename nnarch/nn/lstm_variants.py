"""LSTMs with peepholes or layer norm: each holds the parameters of one kernel and calls it."""

from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import LayerNormLSTMParams, LSTMState, PeepholeLSTMParams


class PeepholeLSTM(nnx.Module):
    """Gers and Schmidhuber 2000. Parameters as `kernels.init_peephole_lstm` makes them."""

    State = LSTMState

    def __init__(self, input_size: int, hidden_size: int, *, key: Array):
        params = kernels.init_peephole_lstm(key, input_size, hidden_size)
        self.w_x, self.w_h, self.b = map(nnx.Param, params[:3])
        self.p_i, self.p_f, self.p_o = map(nnx.Param, params[3:])

    @property
    def params(self) -> PeepholeLSTMParams:
        """The parameters as the kernel takes them."""
        dense = self.w_x[...], self.w_h[...], self.b[...]
        return PeepholeLSTMParams(*dense, self.p_i[...], self.p_f[...], self.p_o[...])

    def __call__(
        self,
        xs: Array,
        initial: LSTMState | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
        starts: Array | None = None,
        recurrent_mask: Array | None = None,
        zoneout: LSTMState | None = None,
        implementation: str | None = None,
    ) -> tuple[Array, LSTMState]:
        """Runs `kernels.peephole_lstm`: xs [B, T, D] to ys [B, T, H] and the last state."""
        return kernels.peephole_lstm(
            self.params,
            xs,
            initial,
            lengths=lengths,
            reverse=reverse,
            starts=starts,
            recurrent_mask=recurrent_mask,
            zoneout=zoneout,
            implementation=implementation,
        )


class LayerNormLSTM(nnx.Module):
    """Ba, Kiros and Hinton 2016. Parameters as `kernels.init_layer_norm_lstm` makes them."""

    State = LSTMState

    def __init__(self, input_size: int, hidden_size: int, *, key: Array):
        params = kernels.init_layer_norm_lstm(key, input_size, hidden_size)
        self.w_x, self.w_h, self.b = map(nnx.Param, params[:3])
        self.scale_x, self.scale_h = map(nnx.Param, params[3:5])
        self.scale_c, self.shift_c = map(nnx.Param, params[5:])

    @property
    def params(self) -> LayerNormLSTMParams:
        """The parameters as the kernel takes them."""
        dense = self.w_x[...], self.w_h[...], self.b[...]
        of_gates = self.scale_x[...], self.scale_h[...]
        return LayerNormLSTMParams(*dense, *of_gates, self.scale_c[...], self.shift_c[...])

    def __call__(
        self,
        xs: Array,
        initial: LSTMState | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
        starts: Array | None = None,
        recurrent_mask: Array | None = None,
        zoneout: LSTMState | None = None,
        implementation: str | None = None,
    ) -> tuple[Array, LSTMState]:
        """Runs `kernels.layer_norm_lstm`: xs [B, T, D] to ys [B, T, H] and the last state."""
        return kernels.layer_norm_lstm(
            self.params,
            xs,
            initial,
            lengths=lengths,
            reverse=reverse,
            starts=starts,
            recurrent_mask=recurrent_mask,
            zoneout=zoneout,
            implementation=implementation,
        )
