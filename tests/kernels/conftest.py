"""What tests of several kernels count."""

import jax
import pytest

_COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compilations():
    """A list that grows by one for each program that is compiled."""
    names = []

    def listen(event, duration, **_):
        if event == _COMPILED:
            names.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield names
    jax.monitoring.unregister_event_duration_listener(listen)
