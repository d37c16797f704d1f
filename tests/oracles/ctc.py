"""CTC in float64: the recursions of Graves et al. 2006 for one row, and a sum over every path.

They share no code with the kernel, nor with each other. A row has no padding here: logits [T, V]
and labels [L].
"""

import itertools

import numpy as np


def log_softmax(logits):
    """[T, V] -> [T, V]; a frame that is -inf throughout stays so."""
    logits = np.asarray(logits, np.float64)
    top = logits.max(axis=1, keepdims=True)
    shifted = logits - np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted - np.where(np.isfinite(total), total, 0)


def loss_and_gradient(logits, labels, blank):
    """By alpha and beta -> loss, d loss / d logits [T, V]; +inf and 0 if nothing can be aligned."""
    log_probs = log_softmax(logits)
    if len(log_probs) == 0:
        return (np.inf if len(labels) else 0.0), np.zeros_like(log_probs)
    states = with_blanks(labels, blank)
    alpha, beta = forward(log_probs, states, blank), backward(log_probs, states, blank)
    log_likelihood = np.logaddexp.reduce(alpha[-1, -2:])
    if log_likelihood == -np.inf:
        return np.inf, np.zeros_like(log_probs)
    occupancy = np.exp(alpha + beta - log_likelihood)
    gradient = np.exp(log_probs)
    for s, k in enumerate(states):
        gradient[:, k] -= occupancy[:, s]
    return -log_likelihood, gradient


def with_blanks(labels, blank):
    """The paper's l': a blank before, between and after the labels."""
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    return states


def forward(log_probs, states, blank):
    """log alpha [T, S]: all prefixes that are in a state at a frame, that frame included."""
    skip = np.zeros(len(states), bool)
    skip[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
    alpha = np.full((len(log_probs), len(states)), -np.inf)
    alpha[0, :2] = log_probs[0, states[:2]]
    for t in range(1, len(log_probs)):
        come = alpha[t - 1].copy()
        come[1:] = np.logaddexp(come[1:], alpha[t - 1, :-1])
        come[skip] = np.logaddexp(come[skip], alpha[t - 1, :-2][skip[2:]])
        alpha[t] = come + log_probs[t, states]
    return alpha


def backward(log_probs, states, blank):
    """log beta [T, S]: all that can follow a state at a frame, that frame not included."""
    skip = np.zeros(len(states), bool)
    skip[:-2] = (states[2:] != blank) & (states[2:] != states[:-2])
    beta = np.full((len(log_probs), len(states)), -np.inf)
    beta[-1, -2:] = 0
    for t in reversed(range(len(log_probs) - 1)):
        after = beta[t + 1] + log_probs[t + 1, states]
        beta[t] = after
        beta[t, :-1] = np.logaddexp(beta[t, :-1], after[1:])
        beta[t, skip] = np.logaddexp(beta[t, skip], after[2:][skip[:-2]])
    return beta


def loss_and_gradient_by_paths(logits, labels, blank):
    """The same by the definition, from all V^T paths."""
    probs = np.exp(log_softmax(logits))
    steps, classes = probs.shape
    likelihood, share = 0.0, np.zeros_like(probs)
    for path in itertools.product(range(classes), repeat=steps):
        if read(path, blank) == list(labels):
            probability = np.prod(probs[range(steps), path])
            likelihood += probability
            share[range(steps), path] += probability
    if likelihood == 0:
        return np.inf, share
    return -np.log(likelihood), probs - share / likelihood


def read(path, blank):
    """Merges repeats, then drops blanks."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def rows(logits, logit_lengths, labels, label_lengths, blank, *, row=loss_and_gradient):
    """Padded rows -> losses [B], gradients [B, T, V], zero in the padding."""
    losses, gradients = np.zeros(len(logits)), np.zeros(np.shape(logits))
    for b, (frames, size) in enumerate(zip(logit_lengths, label_lengths, strict=True)):
        valid = np.asarray(logits[b][:frames], np.float64)
        losses[b], gradients[b, :frames] = row(valid, np.asarray(labels[b][:size]), blank)
    return losses, gradients
