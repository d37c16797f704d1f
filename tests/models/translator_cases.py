"""Small translators of every kind, and sentences of several lengths for them."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp

from nnarch.models.bahdanau import BahdanauConfig
from nnarch.models.encoder_decoder import EncoderDecoderConfig
from nnarch.models.gnmt import GNMTConfig
from nnarch.models.luong import LuongConfig
from nnarch.models.source_encoder import EncoderConfig
from nnarch.models.translators import make_translator

START, END, SOURCE_WORDS, TARGET_WORDS = 1, 2, 9, 11
BOTH = EncoderConfig(embedding=5, hidden=4)
ONE = replace(BOTH, layers=2, directions="one", order="reversed")
FIRST = replace(BOTH, layers=3, directions="first", residual_from=2)
GRU = replace(BOTH, cell="gru", reset="before")

CONFIGS = {
    "plain": EncoderDecoderConfig(BOTH, embedding=5, hidden=6, layers=2, dropout=0.3),
    "plain as published": EncoderDecoderConfig(ONE, embedding=5, hidden=4, layers=2, dropout=0.3),
    "bahdanau": BahdanauConfig(GRU, embedding=5, hidden=6, attention=3, maxout=4, dropout=0.3),
    "luong": LuongConfig(ONE, embedding=5, hidden=6, layers=2, output=7, dropout=0.3),
    "luong of one layer": LuongConfig(BOTH, embedding=5, hidden=8, score="dot", dropout=0.3),
    "gnmt": GNMTConfig(FIRST, embedding=5, hidden=6, layers=3, attention=3, dropout=0.3),
}

SOURCE = jnp.array([[3, 4, 5, 6, 2], [7, 8, 2, 0, 0], [2, 0, 0, 0, 0]], jnp.int32)
SOURCE_LENGTHS = jnp.array([5, 3, 1], jnp.int32)
TARGET = jnp.array([[START, 5, 6, 7], [START, 4, 0, 0], [START, 0, 0, 0]], jnp.int32)
TARGET_LENGTHS = jnp.array([4, 2, 1], jnp.int32)
SENTENCES = SOURCE, SOURCE_LENGTHS, TARGET, TARGET_LENGTHS


def create(config):
    """A model of that config, its weights drawn."""
    return make_translator(
        config, source_words=SOURCE_WORDS, target_words=TARGET_WORDS, key=jax.random.key(1)
    )


@cache
def model_of(name):
    """The model of that name; not to be changed."""
    return create(CONFIGS[name])


@cache
def align_of(name):
    """Its scores and shares, compiled once a shape."""
    return jax.jit(model_of(name).align)
