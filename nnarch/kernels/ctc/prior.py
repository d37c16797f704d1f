"""A language model's part in CTC beam search."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.ctc.prefixes import Moves, moved

Step = Callable[[Any, Array], tuple[Array, Any]]


class CTCPrior(NamedTuple):
    """Scores that `ctc_beam_search` adds to a prefix for each of its labels.

    A labelling y of n labels then scores

        log p(y | logits) + sum over i from 1 to n of log_probs of y[i], after y[1], ..., y[i - 1]

    The scores are added as they are. Weigh them within `step`, and add there what each label shall
    be worth, as Hannun et al. do by alpha and beta; nothing is added for the end of the labels.

    Fields:
      step: (state, labels int32 [R]) to (log_probs [R, V], state): reads each beam's newest label
        and scores the next, with V classes as the logits have. R is B * beam, a row's beams side by
        side. NaN and +inf count as -inf; the blank's score is never read.
      state: the state before the first label; every leaf has the batch B as first axis.
      start: the label read first, any int32 that `step` understands.
    """

    step: Step
    state: Any
    start: int


class Outlook(NamedTuple):
    """What the prior says of the label that is next in each beam."""

    scores: Array  # [B, W, V]
    state: Any  # what step returned, leading axis B * W


def check_prior(prior: CTCPrior, batch: int) -> None:
    """Raises ValueError unless it is a CTCPrior whose state has the batch as first axis."""
    if not isinstance(prior, CTCPrior):
        raise ValueError(
            f"ctc_beam_search expects prior to be a CTCPrior(step, state, start); got {prior!r}."
        )
    first = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(prior.state)}
    if first - {(batch,)}:
        raise ValueError(
            f"ctc_beam_search expects a prior's state whose every leaf has the batch of {batch} as "
            f"its first axis; got first axes {sorted(first)}. Let step close over what rows share."
        )


def first_outlook(prior: CTCPrior, masses: Array, classes: int, blank: int) -> Outlook:
    """The outlook of beams without a label; masses [B, W] show their number and dtype."""
    batch, beams = masses.shape
    state = jax.tree.map(lambda leaf: jnp.repeat(leaf, beams, axis=0), prior.state)
    labels = jnp.full_like(masses, prior.start, jnp.int32)
    like = jnp.zeros_like(masses, shape=(batch, beams, classes))
    return _read(prior, state, labels, like, blank)


def next_outlook(prior: CTCPrior, outlook: Outlook, moves: Moves, blank: int) -> Outlook:
    """The outlook after a step: beams take theirs along, and those that grow read their label."""
    batch, beams = moves.source.shape

    def follow(leaf):
        rows = leaf.reshape(batch, beams, *leaf.shape[1:])
        return moved(rows, moves.source).reshape(leaf.shape)

    old = Outlook(moved(outlook.scores, moves.source), jax.tree.map(follow, outlook.state))
    grows = moves.label >= 0
    labels = jnp.where(grows, moves.label, prior.start)
    new = _read(prior, old.state, labels, old.scores, blank)

    def choose(new, old):
        return jnp.where(grows.reshape(*new.shape[:1], *(1,) * (new.ndim - 1)), new, old)

    return Outlook(
        jnp.where(grows[..., None], new.scores, old.scores),
        jax.tree.map(choose, new.state, old.state),
    )


def _read(prior: CTCPrior, state: Any, labels: Array, like: Array, blank: int) -> Outlook:
    """Reads labels [B, W]; the scores have the shape and dtype of `like` [B, W, V]."""
    batch, beams, classes = like.shape
    log_probs, state = prior.step(state, labels.reshape(-1))
    if log_probs.shape != (batch * beams, classes):
        raise ValueError(
            f"a prior's step has to return log_probs [{batch * beams}, {classes}], one score for "
            f"each class of the logits; got {log_probs.shape}."
        )
    scores = log_probs.astype(like.dtype).reshape(like.shape)
    no_number = jnp.isnan(scores) | jnp.isposinf(scores)
    unread = no_number | (jnp.arange(classes) == blank)
    return Outlook(jnp.where(unread, -jnp.inf, scores), state)
