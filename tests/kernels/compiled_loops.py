"""What a program does inside its loops, sent between devices too: traced, and compiled."""

import re
from math import prod
from typing import NamedTuple

from jax.extend.core import jaxprs_in_params

_COMPUTATION = re.compile(r"^(?:ENTRY )?(%[\w.\-]+) [^\n]*\{\n(.*?)^\}", re.M | re.S)
_CALLED = re.compile(r"(?:calls|to_apply|body|condition)=(%[\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_COLLECTIVE = re.compile(
    r"= (.*?) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter"
    r"|collective-broadcast)(?:-start)?\("
)
_SHAPE = re.compile(r"\w+\[([\d,]*)\]")


class Collective(NamedTuple):
    """One exchange between devices."""

    kind: str
    sizes: tuple[int, ...]  # elements of each array that it makes


def loop_collectives(compiled):
    """The collectives of each while loop of a compiled program, in one list a loop."""
    return [_collectives(text) for text in bodies(compiled)]


def loop_shapes(compiled, operation):
    """The shapes of what an operation, "add" say, gives anywhere in the program's while loops."""
    result = re.compile(rf"= \w+\[([\d,]*)\]\S* {operation}\(")
    return {
        tuple(map(int, filter(None, shape.split(","))))
        for text in bodies(compiled)
        for shape in result.findall(text)
    }


def products_in_loops(jaxpr, *, looping=False):
    """The shapes that products inside the scans of a traced program give."""
    for equation in jaxpr.eqns:
        if looping and equation.primitive.name == "dot_general":
            yield equation.outvars[0].aval.shape
        inside = looping or equation.primitive.name == "scan"
        for inner in jaxprs_in_params(equation.params):
            yield from products_in_loops(inner, looping=inside)


def bodies(compiled):
    """The text of each while loop's body, with all that it calls."""
    text = compiled.as_text()
    computations = dict(_COMPUTATION.findall(text))
    bodies = sorted(set(re.findall(r"body=(%[\w.\-]+)", text)))
    assert bodies, "the program has no loop to look into"
    return [_reached(computations, body) for body in bodies]


def _reached(computations, start):
    """The text of a computation and of all that it calls."""
    todo, seen = [start], set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += _CALLED.findall(computations[name])
            for branches in _BRANCHES.findall(computations[name]):
                todo += branches.split(", ")
    return "".join(computations[name] for name in sorted(seen))


def _collectives(text):
    return [Collective(kind, _sizes(shapes)) for shapes, kind in _COLLECTIVE.findall(text)]


def _sizes(shapes):
    return tuple(prod(map(int, filter(None, s.split(",")))) for s in _SHAPE.findall(shapes))
