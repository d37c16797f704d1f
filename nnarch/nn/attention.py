"""Layers that attend at every step: each holds the parameters of one kernel and calls it."""

from typing import Literal

from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import (
    AdditiveParams,
    BahdanauParams,
    Decoded,
    DotParams,
    GeneralParams,
    GRUParams,
    GRUState,
    LSTMParams,
    LSTMState,
    LuongParams,
    LuongState,
    Memory,
)

Cell = Literal["lstm", "gru"]
Score = Literal["dot", "general", "additive"]


class _Attending(nnx.Module):
    """A cell and a score: w_x, w_h, b and a GRU's b_n; w_score of "general", or w_query, w_key and
    v of "additive".

    Scores are sums over H or A units, which Adam moves all at once in its first steps: then every
    share is soon 0 or 1, at one place for every query, and nothing more is learned of where to
    look. `scaled` divides them by the root of that number (Vaswani et al. 2017).
    """

    def __init__(self, params: LuongParams | BahdanauParams, reset: str, *, scaled: bool):
        self.w_x, self.w_h, self.b = map(nnx.Param, params.cell[:3])
        if isinstance(params.cell, GRUParams):
            self.b_n = nnx.Param(params.cell.b_n)
        if isinstance(params.score, GeneralParams):
            self.w_score = nnx.Param(params.score.w)
        if isinstance(params.score, AdditiveParams):
            self.w_query, self.w_key, self.v = map(nnx.Param, params.score)
        self.reset = reset
        self.scaled = scaled

    def memory(
        self, values: Array, keys: Array | None = None, *, lengths: Array | None = None
    ) -> Memory:
        """Runs `kernels.attention_memory`: values [B, S, V], read once, to what is attended to."""
        if self.scaled and not hasattr(self, "v"):
            keys = (values if keys is None else keys) * self.w_h.shape[0] ** -0.5
        return kernels.attention_memory(self._score, values, keys, lengths=lengths)

    @property
    def _cell(self) -> LSTMParams | GRUParams:
        shared = self.w_x[...], self.w_h[...], self.b[...]
        return GRUParams(*shared, self.b_n[...]) if hasattr(self, "b_n") else LSTMParams(*shared)

    @property
    def _score(self) -> DotParams | GeneralParams | AdditiveParams:
        if hasattr(self, "w_score"):
            return GeneralParams(self.w_score[...])
        if hasattr(self, "w_query"):
            scale = len(self.v) ** -0.5 if self.scaled else 1
            return AdditiveParams(self.w_query[...], self.w_key[...], scale * self.v[...])
        return DotParams()


class LuongDecoder(_Attending):
    """Luong et al. 2015: attends with the new state, and is fed what it said last.

    Args:
      input_size: of xs.
      memory_size: of the values that are attended to.
      hidden_size: units of the cell.
      output_size: of what is said, and fed.
      key: a typed key for the initial weights.
      cell: what it is made of.
      score: how a key is scored.
      reset: of a GRU.
      scaled: whether scores are divided by the root of how many units they are sums over.
    """

    def __init__(
        self,
        input_size: int,
        memory_size: int,
        hidden_size: int,
        output_size: int,
        *,
        key: Array,
        cell: Cell = "lstm",
        score: Score = "general",
        reset: Literal["after", "before"] = "after",
        scaled: bool = False,
    ):
        params = kernels.init_luong_decoder(
            key, input_size, memory_size, hidden_size, output_size, cell=cell, score=score
        )
        super().__init__(params, reset, scaled=scaled)
        self.w_out, self.b_out = nnx.Param(params.w_out), nnx.Param(params.b_out)

    @property
    def params(self) -> LuongParams:
        """The parameters as the kernel takes them."""
        return LuongParams(self._cell, self._score, self.w_out[...], self.b_out[...])

    def __call__(
        self,
        xs: Array,
        memory: Memory,
        initial: LuongState | None = None,
        *,
        lengths: Array | None = None,
        implementation: str | None = None,
    ) -> tuple[Decoded, LuongState]:
        """Runs `kernels.luong_decoder`: xs [B, T, D] to what is said and the last state."""
        return kernels.luong_decoder(
            self.params,
            xs,
            memory,
            initial,
            lengths=lengths,
            reset=self.reset,
            implementation=implementation,
        )


class BahdanauDecoder(_Attending):
    """Bahdanau et al. 2014: attends with the state before a step, and reads what it finds.

    Args:
      input_size: of xs.
      memory_size: of the values that are attended to.
      hidden_size: units of the cell.
      attention_size: units of the score, if additive.
      key: a typed key for the initial weights.
      cell: what it is made of.
      score: how a key is scored.
      reset: of a GRU.
      scaled: whether scores are divided by the root of how many units they are sums over.
    """

    def __init__(
        self,
        input_size: int,
        memory_size: int,
        hidden_size: int,
        attention_size: int,
        *,
        key: Array,
        cell: Cell = "lstm",
        score: Score = "additive",
        reset: Literal["after", "before"] = "after",
        scaled: bool = False,
    ):
        params = kernels.init_bahdanau_decoder(
            key, input_size, memory_size, hidden_size, attention_size, cell=cell, score=score
        )
        super().__init__(params, reset, scaled=scaled)

    @property
    def params(self) -> BahdanauParams:
        """The parameters as the kernel takes them."""
        return BahdanauParams(self._cell, self._score)

    def __call__(
        self,
        xs: Array,
        memory: Memory,
        initial: LSTMState | GRUState | None = None,
        *,
        lengths: Array | None = None,
        implementation: str | None = None,
    ) -> tuple[Decoded, LSTMState | GRUState]:
        """Runs `kernels.bahdanau_decoder`: xs [B, T, D] to what is said and the last state."""
        return kernels.bahdanau_decoder(
            self.params,
            xs,
            memory,
            initial,
            lengths=lengths,
            reset=self.reset,
            implementation=implementation,
        )
