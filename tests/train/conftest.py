"""Tests of the engine make the same few programs again and again: they are kept for a session."""

import jax
import pytest


@pytest.fixture(scope="session")
def program_cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("programs"))


@pytest.fixture(autouse=True)
def _keep_programs(program_cache):
    jax.config.update("jax_compilation_cache_dir", program_cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    yield
    jax.config.update("jax_compilation_cache_dir", None)
