"""Cuts the emoji into training, validation and test sets, so that no test picture was trained on.

  new         bases that training never shows in any tone, gender or direction
  composed    combinations of base, tone and gender that training never shows together, though it
              shows each: the base; its gender in another tone; its tone in another gender
  validation  the same kind as `composed`, cut from what is left
  train       the rest

An emoji is on one side with all its drawings. Many share a picture to the byte (OpenMoji draws an
artist and a man artist alike): these are tied together and move together.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nnarch.data.emoji.names import Name


@dataclass(frozen=True)
class SplitSizes:
    """How much is held out.

    Attributes:
      new: concepts (bases without direction).
      composed, validation: emoji.
      largest_concept: emoji that a concept of `new` may have, lest one of them be most of it.
    """

    new: int = 160
    composed: int = 400
    validation: int = 160
    largest_concept: int = 30


def cut(
    names: Mapping[str, Name],
    pictures: Iterable[Mapping[str, Hashable]],
    *,
    sizes: SplitSizes,
    seed: int,
) -> dict[str, list[str]]:
    """The code points of each split.

    Args:
      names: what there is, by code points.
      pictures: for each artist that is trained on, the picture (or its digest) of code points.
      sizes: how much is held out.
      seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    twins = _same_picture(pictures)
    new = _choose_new(names, twins, sizes, rng)
    rest = {key: name for key, name in names.items() if key not in new}
    held = _HeldOut(rest)
    groups = _connected(rest, [[key for key in group if key in rest] for group in twins])
    groups = [groups[i] for i in rng.permutation(len(groups))]
    composed = held.take(groups, sizes.composed)
    validation = held.take(groups, sizes.validation)
    train = [key for key in rest if key not in held.keys]
    return {"train": train, "validation": validation, "composed": composed, "new": sorted(new)}


def _same_picture(artists: Iterable[Mapping[str, Hashable]]) -> list[list[str]]:
    """The emoji that share a picture, for each picture that several share, whoever drew it."""
    groups: dict[Hashable, dict[str, None]] = defaultdict(dict)
    for pictures in artists:
        for key, picture in pictures.items():
            groups[picture][key] = None
    return [[*group] for group in groups.values() if len(group) > 1]


def _connected(keys: Iterable[str], ties: Iterable[Sequence[str]]) -> list[list[str]]:
    """The keys in groups: those tied together, directly or through others, are in one."""
    parent = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = key = parent[parent[key]]
        return key

    for first, *others in filter(None, ties):
        for other in others:
            parent[root(other)] = root(first)
    groups = defaultdict(list)
    for key in parent:
        groups[root(key)].append(key)
    return [*groups.values()]


def _choose_new(
    names: Mapping[str, Name],
    twins: Sequence[Sequence[str]],
    sizes: SplitSizes,
    rng: np.random.Generator,
) -> set[str]:
    """Whole concepts, at random: no flags, which repeat, and no families, which look alike."""
    concepts = defaultdict(list)
    for key, name in names.items():
        concepts[name.concept].append(key)
    groups = _connected(names, [*concepts.values(), *twins])
    groups = [
        group
        for group in groups
        if len(group) <= sizes.largest_concept and {names[key].kind for key in group} == {"other"}
    ]
    chosen = [groups[i] for i in rng.permutation(len(groups))[: sizes.new]]
    return {key for group in chosen for key in group}


class _HeldOut:
    """What has been held out of each base, and whether more may be."""

    def __init__(self, names: Mapping[str, Name]) -> None:
        self.names = names
        self.keys: set[str] = set()
        self.bases = defaultdict(list)
        for name in names.values():
            self.bases[name.base].append(name)

    def take(self, groups: Iterable[Sequence[str]], wanted: int) -> list[str]:
        """Holds out groups, in their order, until `wanted` emoji are: returns these."""
        taken: list[str] = []
        for group in groups:
            if len(taken) + len(group) <= wanted and self._may_go(group):
                self.keys.update(group)
                taken += group
        return sorted(taken)

    def _may_go(self, group: Sequence[str]) -> bool:
        """Training keeps two thirds of each base, and every part of what is held out."""
        without = self.keys | set(group)
        if self.keys & set(group) or any(self.names[key].kind != "other" for key in group):
            return False
        return all(self._seen_apart(self.bases[base], without) for base in self._bases_of(group))

    def _bases_of(self, group: Sequence[str]) -> set[str]:
        return {self.names[key].base for key in group}

    def _seen_apart(self, members: Sequence[Name], without: set[str]) -> bool:
        trained = [name for name in members if name.code_points not in without]
        if 3 * len(trained) < 2 * len(members):
            return False
        return all(
            _survives([getattr(name, part) for name in members], _parts(trained, part))
            for part in ("tone", "gender")
        )


def _parts(names: Iterable[Name], part: str) -> set[str]:
    return {getattr(name, part) for name in names}


def _survives(all_values: Sequence[str], trained: set[str]) -> bool:
    """Whether each tone (or gender) that several members of the base show is still trained."""
    return all(value in trained for value, count in Counter(all_values).items() if count > 1)
