"""Attention over padded keys, and decoders that attend at every step."""

from nnarch.kernels.attention.api import (
    attention,
    attention_memory,
    bahdanau_decoder,
    luong_decoder,
)
from nnarch.kernels.attention.decoders import BahdanauParams, Decoded, LuongParams, LuongState
from nnarch.kernels.attention.init import init_bahdanau_decoder, init_luong_decoder
from nnarch.kernels.attention.memory import Memory
from nnarch.kernels.attention.parameters import (
    AdditiveParams,
    DotParams,
    GeneralParams,
    init_additive,
    init_general,
)

__all__ = [
    "AdditiveParams",
    "BahdanauParams",
    "Decoded",
    "DotParams",
    "GeneralParams",
    "LuongParams",
    "LuongState",
    "Memory",
    "attention",
    "attention_memory",
    "bahdanau_decoder",
    "init_additive",
    "init_bahdanau_decoder",
    "init_general",
    "init_luong_decoder",
    "luong_decoder",
]
