"""Every test of modules runs in both of NNX's modes: over graphs, and over trees."""

import pytest
from flax import nnx


@pytest.fixture(params=["graph", "tree"], autouse=True)
def nnx_mode(request):
    with nnx.set_graph_mode(request.param == "graph"):
        yield request.param
