"""The largest of each row."""

from jax import Array, lax


def largest(xs: Array, k: int) -> tuple[Array, Array]:
    """As `lax.top_k`, and never slower on a CPU for what is done with the result.

    XLA's CPU backend takes a sort for a top_k only where nothing but the first k of it are asked
    for. A slice of the result is merged into that and hides it: all of each row is then sorted,
    which took a hundred times as long with the 8 largest of 16,000.
    """
    # One each: where devices are many, XLA (jaxlib 0.10.2) aborts at a barrier of both.
    values, places = map(lax.optimization_barrier, lax.top_k(xs, k))
    return values, places
