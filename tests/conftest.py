"""Eight simulated devices for every test; programs are compiled fast rather than to be fast."""

import os

os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import jax

jax.config.update("jax_num_cpu_devices", 8)
