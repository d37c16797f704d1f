"""LSTMs with peepholes or layer norm: each holds the parameters of one kernel and calls it."""

from collections.abc import Callable

from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import LayerNormLSTMParams, LSTMState, PeepholeLSTMParams
from nnarch.nn.recurrent import Recurrent


class PeepholeLSTM(Recurrent):
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

    @property
    def kernel(self) -> Callable[..., tuple[Array, LSTMState]]:
        """The function that a call runs."""
        return kernels.peephole_lstm


class LayerNormLSTM(Recurrent):
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

    @property
    def kernel(self) -> Callable[..., tuple[Array, LSTMState]]:
        """The function that a call runs."""
        return kernels.layer_norm_lstm
