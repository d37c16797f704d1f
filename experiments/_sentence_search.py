"""How experiments look for the sentence that tells a picture or a clip."""

from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from flax import nnx
from jax import Array

from experiments._batches import over_batches
from nnarch.data.vocabulary import END, START
from nnarch.kernels.search import beam_search
from nnarch.signal.pictures import to_float
from nnarch.train import at_least, check_counts


@dataclass(frozen=True)
class DecodeConfig:
    """How a sentence is looked for."""

    beam: int = 3
    """Sentences that are followed at once; 1 is greedy."""
    length_penalty: float = 0.0
    """Exponent alpha of Wu et al. 2016, equation 14: more favours longer sentences."""
    max_length: int = 24
    """Words of the longest sentence, and its end."""
    batch_size: int = 128
    """Pictures or clips that are told at once."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing, and what no search can use."""
        check_counts(self)
        at_least(self, 0, "length_penalty")


def best_sentences(config: DecodeConfig, model: nnx.Module, pictures: np.ndarray) -> np.ndarray:
    """The likeliest sentence of each picture or clip, uint8 [N, ...]: int32 [N, max_length].

    Args:
      config: how it is looked for.
      model: with `begin` (floats of pictures -> state) and `step`, as `beam_search` calls it.
      pictures: of any number.
    """
    return over_batches(config.batch_size, partial(_search, config), model, {"picture": pictures})


@partial(jax.jit, static_argnums=(0, 1))
def _search(
    config: DecodeConfig, graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]
) -> Array:
    model = nnx.merge(graph, state)
    found = beam_search(
        model.step,
        model.begin(to_float(batch["picture"])),
        start=START,
        end=END,
        max_length=config.max_length,
        beam=config.beam,
        length_penalty=config.length_penalty,
    )
    return found.tokens[:, 0]
