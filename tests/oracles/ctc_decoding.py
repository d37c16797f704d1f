"""CTC decoding and alignment of one row in float64, by trying every path and by dictionaries."""

import itertools

import numpy as np


def log_softmax(logits):
    """[T, V] -> [T, V] float64; a frame of -inf alone stays one."""
    logits = np.asarray(logits, np.float64)
    top = np.max(logits, axis=-1, keepdims=True, initial=-np.inf)
    shifted = logits - np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    return shifted - np.where(np.isfinite(total), total, 0)


def read(path, blank):
    """The labels of a path: repeats merged, then blanks dropped."""
    return tuple(int(label) for label, _ in itertools.groupby(path) if label != blank)


def paths(logits):
    """Every path with its log-probability."""
    log_probs = log_softmax(logits)
    steps, classes = log_probs.shape
    for path in itertools.product(range(classes), repeat=steps):
        yield path, sum((log_probs[t, label] for t, label in enumerate(path)), 0.0)


def every_labelling(logits, blank):
    """[(labels, log-probability)], the likeliest first, without the impossible."""
    found = {}
    for path, log_prob in paths(logits):
        labels = read(path, blank)
        found[labels] = np.logaddexp(found.get(labels, -np.inf), log_prob)
    return ranked(found)


def every_alignment(logits, labels, blank):
    """[(path, log-probability)] of all paths that read as the labels, the likeliest first."""
    return ranked(dict(p for p in paths(logits) if read(p[0], blank) == tuple(labels)))


def ranked(found):
    possible = [(key, score) for key, score in found.items() if score > -np.inf]
    return sorted(possible, key=lambda item: -item[1])


def prefix_beam_search(logits, blank, beam, prior=None):
    """[(labels, log-probability)], at most `beam`; `prior` scores a label, given those before."""
    beams = {(): (0.0, -np.inf)}
    for frame in log_softmax(logits):
        grown = {}
        for prefix, masses in beams.items():
            for longer, *more in continuations(prefix, masses, frame, blank, prior):
                grown[longer] = np.logaddexp(grown.get(longer, (-np.inf, -np.inf)), more)
        best = sorted(grown.items(), key=lambda item: -np.logaddexp(*item[1]))
        beams = dict(best[:beam])
    return ranked({prefix: np.logaddexp(*masses) for prefix, masses in beams.items()})


def continuations(prefix, masses, frame, blank, prior):
    """(prefix, mass of paths that end in the blank, of those that end in a label)."""
    ends_in_blank, ends_in_label = masses
    both = np.logaddexp(ends_in_blank, ends_in_label)
    yield prefix, both + frame[blank], -np.inf
    if prefix:
        yield prefix, -np.inf, ends_in_label + frame[prefix[-1]]
    for label in set(range(len(frame))) - {blank}:
        before = ends_in_blank if prefix[-1:] == (label,) else both
        share = prior(prefix, label) if prior else 0.0
        yield (*prefix, label), -np.inf, before + frame[label] + share


def alignment_score(logits, labels, blank):
    """The log-probability of the likeliest alignment, by Viterbi's recursion over places."""
    places = np.array([blank] + [p for label in labels for p in (label, blank)])
    skips = (places[2:] != blank) & (places[2:] != places[:-2])
    scores = np.where(np.arange(len(places)) == 0, 0.0, -np.inf)
    for frame in log_softmax(logits):
        best = scores.copy()
        best[1:] = np.maximum(best[1:], scores[:-1])
        best[2:] = np.maximum(best[2:], np.where(skips, scores[:-2], -np.inf))
        scores = best + frame[places]
    return np.max(scores[-2:])
