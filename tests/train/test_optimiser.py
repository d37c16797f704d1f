"""The learning rate by step, and what decay and clipping touch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarch.train import TrainConfig
from nnarch.train.optimiser import decayed, learning_rate, make_optimiser

CONFIG = TrainConfig(
    steps=110, warmup_steps=10, learning_rate=2.0, final_ratio=0.1, weight_decay=0.5
)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.2), (4, 1.0), (9, 2.0), (10, 2.0), (60, 1.1), (110, 0.2), (500, 0.2)],
)
def test_warms_up_then_follows_a_cosine_to_the_horizon(step, expected):
    assert learning_rate(jnp.int32(step), CONFIG) == pytest.approx(expected, rel=1e-6)


def test_the_horizon_counts_rather_than_the_steps():
    longer = TrainConfig(**{**CONFIG.__dict__, "steps": 400, "horizon": 110})
    assert learning_rate(60, longer) == learning_rate(60, CONFIG)


def test_a_constant_schedule_stays_at_the_peak():
    constant = TrainConfig(**{**CONFIG.__dict__, "schedule": "constant"})
    assert float(learning_rate(5000, constant)) == 2.0


PARAMS = {
    "w": jnp.ones((2, 2)),
    "b": jnp.ones(2),
    "directions": {"b_n": jnp.ones((4, 2)), "w_h": jnp.ones((4, 2, 2))},
    "norm": {"scale": jnp.ones((1, 2)), "bias": jnp.ones((1, 2))},
}


def test_decay_spares_biases_and_norms():
    assert decayed(PARAMS) == {
        "w": True,
        "b": False,
        "directions": {"b_n": False, "w_h": True},
        "norm": {"scale": False, "bias": False},
    }
    optimiser = make_optimiser(CONFIG)
    nothing = jax.tree.map(jnp.zeros_like, PARAMS)
    moves, _ = optimiser.update(nothing, optimiser.init(PARAMS), PARAMS)
    np.testing.assert_allclose(moves["w"], -0.5)
    np.testing.assert_array_equal(moves["b"], 0)


def test_a_long_gradient_is_clipped():
    def second_moment(scale):
        optimiser = make_optimiser(CONFIG)
        gradient = jax.tree.map(lambda p: scale * p, PARAMS)
        _, state = optimiser.update(gradient, optimiser.init(PARAMS), PARAMS)
        return state[1].nu["w"]

    np.testing.assert_allclose(second_moment(10.0), second_moment(1000.0), rtol=1e-5)
    assert np.all(second_moment(0.01) < second_moment(10.0))
