"""Training on what the model itself would have said, in two passes over whole sentences.

The first pass reads the known translation; of each word's distribution one is drawn, and with the
probability `rate` it stands in for the known word in the second pass, which is the one that is
learned from. Both passes keep the speed of whole sentences; a draw depends on the known words
before it, not on earlier draws.

Source: Bengio et al. 2015, "Scheduled sampling for sequence prediction with recurrent neural
networks", arXiv 1506.03099, word by word; in two passes after Mihaylova and Martins 2019, arXiv
1906.07651.
"""

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.models.translator import Translator


def scheduled_logits(
    model: Translator,
    source: Array,
    source_lengths: Array,
    target_in: Array,
    target_lengths: Array,
    *,
    rate: float,
    key: Array,
) -> Array:
    """As `model(source, ..., key=key)`, with some of the words of target_in drawn by the model.

    Args:
      model: a translator; the source is read once.
      source, source_lengths, target_in, target_lengths: as the model takes them; the first token of
        target_in, the start, stays.
      rate: the probability with which a word is replaced, 0 <= rate <= 1; 0 costs nothing.
      key: for the dropout and the draws.

    Returns:
      logits [B, T, V].

    Raises:
      ValueError: rate is out of range.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"scheduled sampling takes a rate from 0 to 1; got {rate}.")
    if rate == 0:
        return model(source, source_lengths, target_in, target_lengths, key=key)
    for_source, for_draft, for_words, for_places, for_target = jax.random.split(key, 5)
    state = model.begin(source, source_lengths, key=for_source)
    draft = model.decode(state, target_in, target_lengths, key=for_draft).logits
    said = jax.random.categorical(for_words, jax.lax.stop_gradient(draft[:, :-1]))
    replaced = jax.random.bernoulli(for_places, rate, said.shape)
    rest = jnp.where(replaced, said.astype(target_in.dtype), target_in[:, 1:])
    mixed = jnp.concatenate([target_in[:, :1], rest], axis=1)
    return model.decode(state, mixed, target_lengths, key=for_target).logits
