"""Eight simulated devices for every test; who needs one uses the first.

Property tests have no deadline for an example: on a busy machine it would fail what is right.
"""

import hypothesis
import jax

jax.config.update("jax_num_cpu_devices", 8)
hypothesis.settings.register_profile("nnarch", deadline=None)
hypothesis.settings.load_profile("nnarch")
