"""Several processes as one run: how they find each other and agree."""

import os

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

COORDINATOR = "NNARCH_COORDINATOR"  # host:port of process 0
PROCESS_COUNT = "NNARCH_PROCESS_COUNT"
PROCESS_INDEX = "NNARCH_PROCESS_INDEX"


def initialise() -> None:
    """Joins the group that `scripts/launch.py` started; alone, does nothing.

    Has to run before anything asks jax for its devices. SLURM's tasks, which jax detects by itself,
    are joined where SLURM_NTASKS tells of more than one; elsewhere, as on a cloud's pod, set the
    three variables above in each process.
    """
    if COORDINATOR in os.environ:
        jax.distributed.initialize(
            os.environ[COORDINATOR],
            num_processes=int(os.environ[PROCESS_COUNT]),
            process_id=int(os.environ[PROCESS_INDEX]),
        )
    elif int(os.environ.get("SLURM_NTASKS", "1")) > 1:
        jax.distributed.initialize()


def is_first() -> bool:
    """Whether this process writes the logs."""
    return jax.process_index() == 0


def all_agree(holds: bool) -> bool:
    """Whether it holds on every process."""
    if jax.process_count() == 1:
        return holds
    return bool(np.all(multihost_utils.process_allgather(np.array(holds))))


def wait_for_all(name: str) -> None:
    """Returns when every process has come here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


class Votes:
    """Whether to stop, decided by all processes at the same step.

    A signal reaches processes at different steps, and one that leaves alone leaves the others
    waiting. So each hands its vote to the step, which returns whether any was yes; the two
    possible votes lie on the devices from the start and cost a step nothing.
    """

    def __init__(self, mesh: Mesh):
        """Puts both votes on the devices."""
        self._stay, self._leave = self._put(mesh, False), self._put(mesh, True)

    @staticmethod
    def shape(mesh: Mesh) -> jax.ShapeDtypeStruct:
        """One of each device: on an axis that shares it, processes would read their own alone."""
        one_each = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
        return jax.ShapeDtypeStruct((mesh.size,), jnp.bool, sharding=one_each)

    def _put(self, mesh: Mesh, vote: bool) -> Array:
        votes = self.shape(mesh)
        whole = np.full(votes.shape, vote)
        return jax.make_array_from_callback(votes.shape, votes.sharding, lambda at: whole[at])

    def cast(self, leave: bool) -> Array:
        """bool [devices], for the step."""
        return self._leave if leave else self._stay
