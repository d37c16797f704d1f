"""Clipping, Adam, decoupled weight decay, and a learning rate that follows the step."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from nnarch.train.config import TrainConfig
from nnarch.train.sharding import leaf_name

_SPARED = re.compile(r"(^|/)(b|b_\w+|bias|scale)$")


def make_optimiser(config: TrainConfig) -> optax.GradientTransformation:
    """Gradients -> directions of unit learning rate, to be multiplied by `learning_rate`.

    Source: Kingma & Ba 2015; decay after Loshchilov & Hutter 2019.
    """
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.scale_by_adam(),
        optax.add_decayed_weights(config.weight_decay, mask=decayed),
        optax.scale(-1.0),
    )


def decayed(params: Any) -> Any:
    """Which leaves weight decay shrinks: matrices; neither biases nor the scales of norms."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf.ndim > 1 and not _SPARED.search(leaf_name(path)), params
    )


def learning_rate(step: Array, config: TrainConfig) -> Array:
    """float32 []: of the update number `step`, counted from 0; traced, so it never recompiles.

    Rises linearly over the warm-up; then stays, or falls as half a cosine to `final_ratio` of
    the peak at the horizon and stays there.
    """
    step = jnp.asarray(step, jnp.float32)
    horizon = config.steps if config.horizon is None else config.horizon
    rise = jnp.minimum(1.0, (step + 1) / max(config.warmup_steps, 1))
    if config.schedule == "constant":
        return config.learning_rate * rise
    passed = jnp.clip((step - config.warmup_steps) / max(horizon - config.warmup_steps, 1), 0, 1)
    fall = config.final_ratio + (1 - config.final_ratio) * 0.5 * (1 + jnp.cos(jnp.pi * passed))
    return config.learning_rate * rise * fall
