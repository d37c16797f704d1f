"""The captioning model's training step taken apart: each part a compiled function of its own."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from nnarch.bench.captioning_recipe import Recipe
from nnarch.losses import masked_cross_entropy
from nnarch.models.show_and_tell import ShowAndTell
from nnarch.signal.pictures import augment, to_float

Part = Callable[[], object]


def parts(model: ShowAndTell, recipe: Recipe, batch: dict[str, Any]) -> dict[str, Part]:
    """By name, calls that run a part of the step once and return when it is finished.

    What a part is fed has the shapes it has in the step, and its gradients are those that the step
    needs: to parameters, and to what an earlier part with parameters made.
    """
    key = jax.random.key(0)
    pictures = to_float(batch["picture"])
    tokens, lengths = batch["tokens"], batch["lengths"]
    xs = jax.random.normal(key, (*tokens.shape, model.lstm.w_x[...].shape[0]))
    ys = jax.random.normal(key, (*tokens.shape, model.config.hidden))
    return {
        "picture changes": _ready(jax.jit(_changes(recipe)), key, batch["picture"]),
        "CNN": _part(
            _encode, (model.cnn, model.picture, model.picture_norm), constants=(pictures,)
        ),
        "embedding": _part(lambda layer, words: layer(words), (model.embedding,), (tokens,)),
        "LSTM": _part(_read, (model.lstm,), (lengths,), inputs=(xs,)),
        "softmax and loss": _part(
            partial(_score, recipe), (model.output,), (tokens, lengths), inputs=(ys,)
        ),
    }


def _encode(cnn: nnx.Module, picture: nnx.Module, norm: nnx.Module, pictures: Array) -> Array:
    features = cnn(2 * pictures - 1)
    return norm(picture(features.reshape(len(features), -1)))


def _read(lstm: nnx.Module, lengths: Array, xs: Array) -> Array:
    return lstm(xs, lengths=lengths)[0]


def _score(recipe: Recipe, output: nnx.Module, tokens: Array, lengths: Array, ys: Array) -> Array:
    return _loss(recipe, output(ys), tokens, lengths)


def _changes(recipe: Recipe) -> Callable[[Array, Array], Array]:
    def change(key: Array, pictures: Array) -> Array:
        return augment(
            key,
            pictures,
            shift=recipe.shift,
            scale=recipe.scale,
            brightness=recipe.brightness,
            contrast=recipe.contrast,
            channels=recipe.channels,
        )

    return change


def _loss(recipe: Recipe, logits: Array, tokens: Array, lengths: Array) -> Array:
    total, weight = masked_cross_entropy(
        logits, tokens, lengths, label_smoothing=recipe.label_smoothing
    )
    return total / weight


def _part(
    run: Callable[..., Array],
    modules: tuple[nnx.Module, ...],
    constants: tuple[Array, ...],
    inputs: tuple[Array, ...] = (),
) -> Part:
    """Forward and backward of run(*modules, *constants, *inputs), to the parameters and inputs."""
    graph, params, other = nnx.split(modules, nnx.Param, ...)

    def total(params: nnx.State, *inputs: Array) -> Array:
        result = run(*nnx.merge(graph, params, other, copy=True), *constants, *inputs)
        return jnp.sum(result * result)

    gradient = jax.jit(jax.grad(total, argnums=tuple(range(1 + len(inputs)))))
    return _ready(gradient, params, *inputs)


def _ready(function: Callable[..., object], *arguments: object) -> Part:
    compiled = function.lower(*arguments).compile()
    return lambda: jax.block_until_ready(compiled(*arguments))


def gradients(model: ShowAndTell, recipe: Recipe, batch: dict[str, Any]) -> dict[str, np.ndarray]:
    """The loss without dropout and picture changes, and its gradients to some parameters."""
    graph, params, other = nnx.split(model, nnx.Param, ...)

    def loss(params: nnx.State) -> Array:
        merged = nnx.merge(graph, params, other, copy=True)
        logits = merged(to_float(batch["picture"]), batch["tokens"], batch["lengths"])
        return _loss(recipe, logits, batch["tokens"], batch["lengths"])

    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    found = {
        "loss": value,
        "first convolution": gradient["cnn"]["stages"][0]["convolution"]["kernel"][...],
        "embedding": gradient["embedding"]["table"][...],
        "lstm": gradient["lstm"]["w_h"][...],
        "output": gradient["output"]["w"][...],
    }
    return {name: np.asarray(array) for name, array in found.items()}
