"""Arrays on meshes of explicit axes, as `jax.make_mesh` makes them.

Such axes are part of an array's type, and every reshape and loop would have to say how its result
lies. Within a kernel they are automatic instead, as those of any other mesh.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax
from jax import Array
from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec, auto_axes

Args = ParamSpec("Args")
Result = TypeVar("Result")


def rows_as(operand: str) -> Callable[[Callable[Args, Result]], Callable[Args, Result]]:
    """Lets a kernel take arrays on explicit mesh axes; rows of what it returns lie as `operand`'s.

    Everything that the kernel returns has the batch as first axis; no other axis is split.
    Without explicit axes the kernel is called as it is.
    """

    def decorate(kernel: Callable[Args, Result]) -> Callable[Args, Result]:
        place = kernel.__code__.co_varnames.index(operand)

        @wraps(kernel)
        def call(*args: Args.args, **kwargs: Args.kwargs) -> Result:
            given = args[place] if place < len(args) else kwargs.get(operand)
            rows = rows_of_mesh(given, (args, kwargs))
            return automatic(lambda a, k: kernel(*a, **k), rows)(args, kwargs)

        return call

    return decorate


def rows_of_mesh(operand: Any, others: Any = ()) -> NamedSharding | None:
    """How the rows of the operand's first split array lie; None if no array has explicit axes."""
    mesh = _explicit_mesh((operand, others))
    if mesh is None:
        return None
    firsts = [jax.typeof(leaf).sharding.spec[:1] for leaf in _arrays(operand)]
    split = next((first for first in firsts if first not in ((), (None,))), ())
    return NamedSharding(mesh, PartitionSpec(*split))


def automatic(function: Callable[..., Result], rows: NamedSharding | None) -> Callable[..., Result]:
    """The function, with explicit axes automatic inside; all that it returns lies as `rows` say.

    It closes over no array of that mesh. With rows of None it is the function itself.
    """
    if rows is None:
        return function

    def call(*args):
        leaves, structure = jax.tree.flatten(args)
        arrays = {n: leaf for n, leaf in enumerate(leaves) if isinstance(leaf, Array)}

        def run(arrays):
            given = [arrays.get(n, leaf) for n, leaf in enumerate(leaves)]
            return function(*jax.tree.unflatten(structure, given))

        inside = auto_axes(run, axes=rows.mesh.explicit_axes, out_sharding=rows.spec)
        with jax.sharding.use_abstract_mesh(rows.mesh):
            return inside(arrays)

    return call


def _explicit_mesh(tree: Any) -> AbstractMesh | None:
    """The mesh in use, or of the first array that has one, if it has explicit axes."""
    mesh = jax.sharding.get_abstract_mesh()
    meshes = [mesh, *(jax.typeof(leaf).sharding.mesh for leaf in _arrays(tree))]
    return next((mesh for mesh in meshes if mesh.explicit_axes), None)


def _arrays(tree: Any) -> list[Array]:
    return [leaf for leaf in jax.tree.leaves(tree) if isinstance(leaf, Array)]
