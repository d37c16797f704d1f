"""Eight simulated devices for every test; programs are compiled fast rather than to be fast."""

import os

os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    # The older way to emit code compiles twice as fast; jaxlib 0.10 to 0.12 know the flag.
    " --xla_cpu_use_fusion_emitters=false"
    # On a busy machine simulated devices wait long for one another; after 40 s XLA would abort.
    " --xla_cpu_collective_call_terminate_timeout_seconds=600",
)

import hypothesis
import jax
import pytest

jax.config.update("jax_num_cpu_devices", 8)

# A property test has no deadline for an example: on a busy machine it would fail what is right.
hypothesis.settings.register_profile("nnarch", deadline=None)
hypothesis.settings.load_profile("nnarch")


@pytest.fixture(scope="module", autouse=True)
def nothing_kept():
    """Some thousand compiled programs are gigabytes; few are asked for by two modules."""
    yield
    jax.clear_caches()
