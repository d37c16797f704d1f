"""What the cut promises, for any seed and any way in which artists repeat pictures."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnarch.data.emoji.names import all_names
from nnarch.data.emoji.splits import SplitSizes, cut

SIZES = SplitSizes()


def pictures_with_twins(seed, share, artist="ann"):
    """A picture for most emoji; a share of them takes another's of the same base or of any."""
    rng = np.random.default_rng(seed)
    names = all_names()
    keys = [key for key in names if rng.random() < 0.95]
    pictures = {key: artist + key for key in keys}
    by_base = defaultdict(list)
    for key in keys:
        by_base[names[key].base].append(key)
    for key in keys:
        if rng.random() < share:
            near = by_base[names[key].base] if rng.random() < 0.9 else keys
            pictures[key] = artist + near[rng.integers(len(near))]
    return pictures


def split_of(splits):
    return {key: split for split, keys in splits.items() for key in keys}


def shown(pictures):
    return {key: name for key, name in all_names().items() if any(key in p for p in pictures)}


@settings(max_examples=10)
@given(st.integers(0, 99), st.sampled_from([0.0, 0.03, 0.1]))
def test_the_promises(seed, share):
    pictures = [pictures_with_twins(seed, share), pictures_with_twins(seed + 1, share, "bob")]
    first, second = list(pictures[0])[::500], list(pictures[1])[1::500]
    for mine, others in zip(first, second, strict=False):  # a picture that both artists draw
        pictures[1][others] = pictures[0][mine]
    names = shown(pictures)
    splits = cut(names, pictures, sizes=SIZES, seed=seed)
    assert sorted(key for keys in splits.values() for key in keys) == sorted(names)
    assert_no_picture_on_two_sides(split_of(splits), pictures)
    assert_new_bases_are_nowhere_else(splits, names)
    for split in ("composed", "validation"):
        assert_parts_are_trained(splits[split], splits["train"], names)


def assert_no_picture_on_two_sides(splits, pictures):
    sides = defaultdict(set)
    for artist in pictures:
        for key, picture in artist.items():
            sides[picture].add(splits[key])
    assert all(len(found) == 1 for found in sides.values())


def assert_new_bases_are_nowhere_else(splits, names):
    new = {names[key].concept for key in splits["new"]}
    assert not new & {
        names[k].concept for s in ("train", "validation", "composed") for k in splits[s]
    }
    assert {names[key].kind for key in splits["new"]} <= {"other"}


def assert_parts_are_trained(held, train, names):
    trained = [names[key] for key in train]
    combinations = {(name.base, name.tone, name.gender) for name in trained}
    bases, tones, genders = ({getattr(n, p) for n in trained} for p in ("base", "tone", "gender"))
    for name in (names[key] for key in held):
        assert (name.base, name.tone, name.gender) not in combinations
        assert name.base in bases
        assert name.tone in tones
        assert name.gender in genders


def test_sizes_are_met_and_training_keeps_two_thirds_of_each_base():
    pictures = [pictures_with_twins(0, 0.03)]
    names = shown(pictures)
    splits = cut(names, pictures, sizes=SIZES, seed=0)
    assert len(splits["composed"]) == pytest.approx(SIZES.composed, abs=3)
    assert len(splits["validation"]) == pytest.approx(SIZES.validation, abs=3)
    held, members = defaultdict(int), defaultdict(int)
    splits_of_keys = split_of(splits)
    for key, name in names.items():
        members[name.base] += 1
        held[name.base] += splits_of_keys[key] in ("composed", "validation")
    assert all(3 * held[base] <= members[base] for base in members)


def test_a_tone_that_a_base_shows_in_several_genders_stays_trained():
    names = all_names()
    splits = cut(names, [], sizes=SplitSizes(composed=10_000), seed=0)
    trained = {(names[key].base, names[key].tone) for key in splits["train"]}
    firefighter = {(n.base, n.tone) for n in names.values() if n.base == "firefighter"}
    assert firefighter <= trained or firefighter.isdisjoint(trained)  # the latter if it is new


def test_a_seed_decides():
    cuts = [cut(all_names(), [], sizes=SIZES, seed=seed) for seed in (0, 0, 1)]
    assert cuts[0] == cuts[1]
    assert cuts[0] != cuts[2]
