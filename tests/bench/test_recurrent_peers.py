"""Every library gets the same weights in its own layout, and answers in ours."""

import importlib.util

import jax
import numpy as np
import pytest
from tolerances import LIBRARIES

from nnarch.bench.entrant import check_agreement, disagreement, draw
from nnarch.bench.recurrent_peers import PEERS, nnarch_entrant


@pytest.fixture(params=["lstm", "gru"])
def problem(request):
    return draw(request.param, time=6, batch=2, inputs=3, hidden=5)


@pytest.mark.parametrize("peer", PEERS)
def test_agrees_with_ours(peer, problem):
    if importlib.util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    if peer != "flax" and problem.cell == "gru":  # flax has no b_n
        problem.weights["b_n"][:] = np.linspace(-1, 1, 5)
    device = jax.devices()[0]
    theirs, ours = (make(problem, device).answer() for make in (PEERS[peer], nnarch_entrant))
    assert max(disagreement(theirs, ours).values()) < LIBRARIES


def test_costs_and_calls(problem):
    entrant = nnarch_entrant(problem, jax.devices()[0])
    assert entrant.forward().shape == (2, 6, 5)
    assert entrant.costs.residual_bytes > 0
    assert entrant.costs.compile_seconds > 0


def test_another_computation_is_refused(problem):
    ours = nnarch_entrant(problem, jax.devices()[0]).answer()
    wrong = ours._replace(gradients={**ours.gradients, "w_h": 2 * ours.gradients["w_h"]})
    with pytest.raises(ValueError, match="w_h differs by 1"):
        check_agreement({"ours": ours, "other": wrong}, reference="ours", tolerance=1e-3)
    nothing = ours._replace(ys=np.full_like(ours.ys, np.nan))
    with pytest.raises(ValueError, match="ys differs by nan"):
        check_agreement({"ours": ours, "other": nothing}, reference="ours", tolerance=1e-3)


def test_flops_are_those_of_the_products():
    lstm = draw("lstm", time=6, batch=2, inputs=3, hidden=5)
    assert lstm.product_flops() == 2 * 6 * 2 * (3 + 5) * 4 * 5
