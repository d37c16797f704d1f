"""Kernels of recurrent nets: pure JAX functions that any JAX code can import.

    from nnarch import kernels

    params = kernels.init_lstm(jax.random.key(0), input_size=64, hidden_size=128)
    ys, state = kernels.lstm(params, xs, lengths=lengths)

Batch first at every boundary; lengths are int32 [B], rows right-padded; parameters and states are
NamedTuples. Every kernel works under jit, grad, vmap, remat and shard_map, on CPU, GPU and TPU.
"""

from nnarch.kernels.attention import (
    AdditiveParams,
    BahdanauParams,
    Decoded,
    DotParams,
    GeneralParams,
    LuongParams,
    LuongState,
    Memory,
    attention,
    attention_memory,
    bahdanau_decoder,
    init_additive,
    init_bahdanau_decoder,
    init_general,
    init_luong_decoder,
    luong_decoder,
)
from nnarch.kernels.bidirectional import bidirectional
from nnarch.kernels.cells import (
    ElmanParams,
    ElmanState,
    GRUParams,
    GRUState,
    LSTMParams,
    LSTMState,
    init_elman,
    init_gru,
    init_lstm,
)
from nnarch.kernels.ctc import CTCPrior, ctc_align, ctc_beam_search, ctc_greedy, ctc_loss
from nnarch.kernels.multidim import (
    GridParams,
    GridState,
    MDLSTMParams,
    PyramidParams,
    ReNetParams,
    conv_lstm,
    grid_lstm_1d,
    grid_lstm_2d,
    grid_lstm_3d,
    init_grid_lstm,
    init_mdlstm,
    init_pyramid,
    init_renet,
    mdlstm,
    mdlstm_directions,
    pyramid,
    renet,
)
from nnarch.kernels.recurrent import elman, gru, lstm
from nnarch.kernels.search import Hypotheses, Samples, beam_search, sample_sequences

__all__ = [
    "AdditiveParams",
    "BahdanauParams",
    "CTCPrior",
    "Decoded",
    "DotParams",
    "ElmanParams",
    "ElmanState",
    "GRUParams",
    "GRUState",
    "GeneralParams",
    "GridParams",
    "GridState",
    "Hypotheses",
    "LSTMParams",
    "LSTMState",
    "LuongParams",
    "LuongState",
    "MDLSTMParams",
    "Memory",
    "PyramidParams",
    "ReNetParams",
    "Samples",
    "attention",
    "attention_memory",
    "bahdanau_decoder",
    "beam_search",
    "bidirectional",
    "conv_lstm",
    "ctc_align",
    "ctc_beam_search",
    "ctc_greedy",
    "ctc_loss",
    "elman",
    "grid_lstm_1d",
    "grid_lstm_2d",
    "grid_lstm_3d",
    "gru",
    "init_additive",
    "init_bahdanau_decoder",
    "init_elman",
    "init_general",
    "init_grid_lstm",
    "init_gru",
    "init_lstm",
    "init_luong_decoder",
    "init_mdlstm",
    "init_pyramid",
    "init_renet",
    "lstm",
    "luong_decoder",
    "mdlstm",
    "mdlstm_directions",
    "pyramid",
    "renet",
    "sample_sequences",
]
