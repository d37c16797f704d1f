"""What beams hold after moves drawn by chance, against tuples of labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarch.kernels.ctc import prefixes as held

BEAMS, LABELS, FRAMES = 6, 2, 7


def drawn_moves(rng, beams, wanted):
    """[(source, label, prefix)] of the next beams, those wanted among them if they can be.

    Each beam may stay or grow, and none becomes what another one is. Where fewer can be had, the
    rest do not live: their prefix is None.
    """
    live = {prefix: source for source, prefix in enumerate(beams) if prefix is not None}
    drawn = [(source, -1, prefix) for prefix, source in live.items()]
    for prefix, source in live.items():
        longer = [(source, label, (*prefix, label)) for label in range(LABELS)]
        drawn += [move for move in longer if move[2] not in live]
    keys = rng.random(len(drawn)) + [prefix in wanted for *_, prefix in drawn]
    drawn = [drawn[place] for place in np.argsort(-keys)[: rng.integers(2, BEAMS + 1)]]
    drawn += [(int(rng.integers(BEAMS)), int(rng.integers(-1, LABELS)), None)] * BEAMS
    return [drawn[place] for place in rng.permutation(BEAMS)]


def begins(shorter, longer):
    return len(shorter) < len(longer) and longer[: len(shorter)] == shorter


def longest_beginning(beams, prefix):
    """Its number among the beams, or -1."""
    found = [(len(b), n) for n, b in enumerate(beams) if b is not None and begins(b, prefix)]
    return max(found, default=(0, -1))[1]


def assert_held(prefixes, beams):
    last, lengths, above, turn, *_ = (np.asarray(part)[0] for part in prefixes)
    parents = np.asarray(held.parents(prefixes))[0]
    for number, prefix in enumerate(beams):
        if prefix is None:
            assert above[number] == -1
            continue
        expected = longest_beginning(beams, prefix)
        assert lengths[number] == len(prefix)
        assert last[number] == (prefix[-1] if prefix else -1)
        assert above[number] == expected
        if expected >= 0:
            size = len(beams[expected])
            assert turn[number] == prefix[size]
            assert parents[number] == (expected if size + 1 == len(prefix) else -1)


move = jax.jit(held.move)
end_block = jax.jit(held.end_block)


@pytest.mark.parametrize("seed", range(4))
def test_moves_by_chance(seed):
    run(seed, frames=120, wanted=lambda frame: [])


@pytest.mark.parametrize("seed", range(4))
def test_a_prefix_that_catches_up_with_one_sixty_labels_ahead(seed):
    """One beam runs ahead and the empty one stays; what lies between is dropped, and grows anew."""
    ahead = tuple(np.random.default_rng(seed).integers(0, LABELS, 60).tolist())

    def wanted(frame):
        return [(), ahead[:frame], ahead[: max(frame - 60, 0)]]

    run(seed, frames=125, wanted=wanted)


@pytest.mark.parametrize("seed", range(4))
def test_a_staircase_of_prefixes_that_falls_but_for_its_ends(seed):
    """The way from the longest up to the shortest leads over all that were dropped at once."""

    def wanted(frame):
        stairs = [(1,) * size for size in range(min(frame, BEAMS - 1) + 1)]
        return stairs if frame % 10 else [stairs[0], stairs[-1]]

    run(seed, frames=100, wanted=wanted)


def run(seed, *, frames, wanted):
    rng = np.random.default_rng(seed)
    beams = [(), *[None] * (BEAMS - 1)]
    prefixes = held.empty(jnp.zeros((1, BEAMS)), FRAMES)
    rows = jnp.zeros((1, BEAMS, frames + FRAMES), jnp.int32)
    for frame in range(1, frames + 1):
        moves = drawn_moves(rng, beams, wanted(frame))
        source, label, beams = (list(part) for part in zip(*moves, strict=True))
        live = [prefix is not None for prefix in beams]
        moves = held.Moves(jnp.int32([source]), jnp.int32([label]), jnp.array([live]))
        prefixes = move(prefixes, rows, moves)
        assert_held(prefixes, beams)
        if frame % FRAMES == 0:
            rows = end_block(prefixes, rows)
            prefixes = held.start_block(prefixes)
            for row, prefix in zip(np.asarray(rows)[0], beams, strict=True):
                assert prefix is None or tuple(row[: len(prefix)]) == prefix
