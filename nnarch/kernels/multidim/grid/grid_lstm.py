"""Grid LSTM of one, two and three dimensions: the public functions.

    H = [h_1; ...; h_N];  (h_n', m_n') = LSTM_n(H, m_n)        a block, with an LSTM a dimension

"wavefront" runs along anti-diagonals with a pass backward of its own; "reference" is nested scans
on which `jax.jvp` works. They agree to rounding, gradients included.

Source: Kalchbrenner, Danihelka and Graves 2015, "Grid long short-term memory", arXiv 1507.01526.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.choose import choose
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.lengths import check_lengths, valid_steps
from nnarch.kernels.multidim.grid.block import Squash
from nnarch.kernels.multidim.grid.check import (
    as_arrays,
    check_block,
    check_grid_params,
    check_state,
    check_units,
    zeros_of,
)
from nnarch.kernels.multidim.grid.parameters import GridParams, GridState, Kind
from nnarch.kernels.multidim.grid.reference import reference
from nnarch.kernels.multidim.grid.wave import Plan, wave
from nnarch.kernels.multidim.sizes import check_sizes
from nnarch.kernels.multidim.skew import skewed, unskewed

REFUSALS = {"wavefront": lambda call: None, "reference": lambda call: None}


@rows_as("initial")
def grid_lstm_1d(
    params: GridParams,
    initial: GridState,
    *,
    layers: int | None = None,
    dimensions: tuple[Kind] = ("lstm",),
    squash: Squash = "after",
    implementation: str | None = None,
) -> GridState:
    """Runs an LSTM along depth: a feed-forward net with gates and memory.

    Args:
      params: w ([H, 4H],), b ([4H],), which all layers share, or each with a leading axis of
        layers; as `init_grid_lstm` draws them with this `dimensions`. Any float.
      initial: h and m [B, H] that enter the first layer, such as projections of the input; any
        float. m None: zeros. Products round to the dtype of h.
      layers: how many, where they share their weights.
      dimensions: ("lstm",), or ("tanh",) or ("relu",): a plain feed-forward net.
      squash: "after" the output gate, h = tanh(o m) as published, or "before" it, o tanh(m).
      implementation: "wavefront", "reference", or None for the fastest that serves the call.

    Returns:
      h and m [B, H] that leave the last layer, float32 (float64 if h is). Without memory m is 0.

    Raises:
      ValueError: a shape, dtype or option does not fit.
    """
    kernel = "grid_lstm_1d"
    block = check_block(kernel, 1, dimensions, None, squash)
    hidden = check_units(kernel, "initial", initial, 2)
    params, layers, tied = check_grid_params(kernel, params, block, hidden, layers)
    name = choose(kernel, REFUSALS, None, implementation=implementation)
    initial = as_arrays(initial)
    plan = Plan(block, layers, (), tied, initial.h.dtype.name)
    return _run_1d(params, initial, plan=plan, implementation=name)


@rows_as("xs")
def grid_lstm_2d(
    params: GridParams,
    xs: GridState,
    initial: GridState | None = None,
    *,
    lengths: Array | None = None,
    layers: int | None = None,
    dimensions: tuple[Kind, Kind] = ("lstm", "lstm"),
    priority: int | None = None,
    squash: Squash = "after",
    implementation: str | None = None,
) -> tuple[GridState, GridState]:
    """Runs over time and depth: layers of LSTMs that have memory along depth too.

    Dimension 0 is time, dimension 1 depth. All blocks of an anti-diagonal run at once, in
    T + layers - 1 steps.

    Args:
      params: w ([2H, 4H], [2H, 4H]), b ([4H], [4H]), of time and of depth, the rows h of time and
        h of depth; which all layers share, or each with a leading axis of layers. Any float.
      xs: h and m [B, T, H] that enter the first layer along depth, such as projections of the
        input; any float. m None: zeros. Products round to the dtype of h. Padding may hold
        anything.
      initial: h and m [B, layers, H] that enter the first step along time; zeros if left out.
      lengths: int32 [B], valid steps of each row; T if left out.
      layers: how many, where they share their weights.
      dimensions: what each dimension is: "lstm", or a transform by "tanh" or "relu". With ("lstm",
        "tanh") the layers are those of a stacked LSTM with a tanh between them.
      priority: a dimension that is computed last, and sees what the other one gives.
      squash: "after" the output gate, h = tanh(o m) as published, or "before" it, o tanh(m).
      implementation: "wavefront", "reference", or None for the fastest that serves the call.

    Returns:
      ys: h and m [B, T, H] that leave the last layer, in the dtype of xs, zero past a row's length;
      and h and m [B, layers, H] of every layer after a row's last valid step, float32 (float64 if
      xs is). Of a dimension without memory m is 0.

    Raises:
      ValueError: a shape, dtype or option does not fit.
    """
    kernel = "grid_lstm_2d"
    block = check_block(kernel, 2, dimensions, priority, squash)
    hidden = check_units(kernel, "xs", xs, 3)
    params, layers, tied = check_grid_params(kernel, params, block, hidden, layers)
    xs = as_arrays(xs)
    batch, steps = xs.h.shape[:2]
    if initial is None:
        initial = zeros_of((batch, layers, hidden), xs.h.dtype)
    check_state(kernel, "initial", initial, (batch, layers, hidden))
    lengths = check_lengths("lengths", lengths, batch, steps)
    name = choose(kernel, REFUSALS, None, implementation=implementation)
    plan = Plan(block, steps + layers - 1, (layers,), tied, xs.h.dtype.name)
    return _run_2d(params, xs, as_arrays(initial), lengths, plan=plan, implementation=name)


@rows_as("xs")
def grid_lstm_3d(
    params: GridParams,
    xs: GridState,
    initial: tuple[GridState | None, GridState | None] = (None, None),
    *,
    sizes: Array | None = None,
    layers: int | None = None,
    dimensions: tuple[Kind, Kind, Kind] = ("lstm", "lstm", "lstm"),
    priority: int | None = None,
    squash: Squash = "after",
    implementation: str | None = None,
) -> GridState:
    """Runs over rows, columns and depth: of a picture, or of two sequences against each other.

    Dimension 0 goes from row to row, dimension 1 from column to column, dimension 2 along depth.
    All blocks of a diagonal plane run at once, in Y + X + layers - 2 steps.

    Args:
      params: w three of [3H, 4H], b three of [4H]; as of `grid_lstm_2d`.
      xs: h and m [B, Y, X, H] that enter the first layer along depth; any float. m None: zeros.
        What lies outside `sizes` may hold anything.
      initial: h and m [B, X, layers, H] that enter the first row, and h and m [B, Y, layers, H]
        that enter the first column, such as projections of a sequence along each side; zeros where
        None.
      sizes: int32 [B, 2], rows and columns of each; all of them if left out.
      layers, dimensions, priority, squash, implementation: as of `grid_lstm_2d`.

    Returns:
      h and m [B, Y, X, H] that leave the last layer, in the dtype of xs, zero outside `sizes`.

    Raises:
      ValueError: a shape, dtype or option does not fit.
    """
    kernel = "grid_lstm_3d"
    block = check_block(kernel, 3, dimensions, priority, squash)
    hidden = check_units(kernel, "xs", xs, 4)
    params, layers, tied = check_grid_params(kernel, params, block, hidden, layers)
    xs = as_arrays(xs)
    batch, rows, columns = xs.h.shape[:3]
    initial = _check_sides(kernel, initial, xs, layers)
    sizes = check_sizes(kernel, sizes, batch, (rows, columns))
    name = choose(kernel, REFUSALS, None, implementation=implementation)
    plan = Plan(block, rows + columns + layers - 2, (layers, columns), tied, xs.h.dtype.name)
    return _run_3d(params, xs, initial, sizes, plan=plan, implementation=name)


def _check_sides(kernel, initial, xs: GridState, layers: int) -> tuple[GridState, GridState]:
    if not isinstance(initial, tuple | list) or len(initial) != 2:
        raise ValueError(
            f"{kernel} expects initial as a pair, what enters the first row and the first column; "
            f"got {type(initial).__name__}. Give None for either that is zero."
        )
    batch, rows, columns, hidden = xs.h.shape
    sides = []
    for name, side, count in zip(("rows", "columns"), initial, (columns, rows), strict=True):
        shape = (batch, count, layers, hidden)
        side = zeros_of(shape, xs.h.dtype) if side is None else side
        check_state(kernel, f"initial of {name}", side, shape)
        sides.append(as_arrays(side))
    return tuple(sides)


@partial(jax.jit, static_argnames=("plan", "implementation"))
def _run_1d(params, initial, *, plan: Plan, implementation: str) -> GridState:
    run = {"wavefront": wave, "reference": reference}[implementation]
    limits = jnp.zeros((initial.h.shape[0], 0), jnp.int32)
    final, _ = run(plan, params, _with_memory(plan, 0, initial), (), limits)
    return _with_zeros(final)


@partial(jax.jit, static_argnames=("plan", "implementation"))
def _run_2d(params, xs, initial, lengths, *, plan: Plan, implementation: str):
    batch, steps = xs.h.shape[:2]
    if lengths is None:
        lengths = jnp.full_like(xs.h, steps, jnp.int32, shape=batch)
    lengths = jnp.asarray(lengths)
    valid = valid_steps(lengths, steps)[..., None]
    # Padding may hold NaN, and NaN * 0 is NaN.
    below = jax.tree.map(lambda a: jnp.where(valid, a, 0).swapaxes(0, 1), xs)
    below = _with_memory(plan, 1, below)
    initial = jax.tree.map(lambda a: a.swapaxes(0, 1), _with_memory(plan, 0, initial))
    if implementation == "wavefront":
        late = plan.steps - steps
        below = jax.tree.map(lambda a: jnp.pad(a, [(0, late), (0, 0), (0, 0)]), below)
        final, (above,) = wave(plan, params, initial, (below,), lengths[:, None])
        above = jax.tree.map(lambda a: a[late:], above)
    else:
        final, above = reference(plan, params, initial, (below,), lengths[:, None])
    ys = jax.tree.map(lambda a: jnp.where(valid, a.swapaxes(0, 1), 0), _with_zeros(above))
    final = jax.tree.map(lambda a: a.swapaxes(0, 1), _with_zeros(final))
    return jax.tree.map(lambda a: a.astype(xs.h.dtype), ys), final


@partial(jax.jit, static_argnames=("plan", "implementation"))
def _run_3d(params, xs, initial, sizes, *, plan: Plan, implementation: str) -> GridState:
    batch, rows, columns = xs.h.shape[:3]
    if 0 in (batch, rows, columns):
        return jax.tree.map(jnp.zeros_like, xs)
    if sizes is None:
        sizes = jnp.broadcast_to(jnp.array([rows, columns], jnp.int32), (batch, 2))
    sizes = jnp.asarray(sizes)
    in_rows, in_columns = valid_steps(sizes[:, 0], rows), valid_steps(sizes[:, 1], columns)
    inside = in_rows[:, :, None] & in_columns[:, None]
    xs = jax.tree.map(lambda a: jnp.where(inside[..., None], a, 0), xs)
    below = _with_memory(plan, 2, xs)
    from_above = jax.tree.map(  # [layers, X, B, H]
        lambda a: jnp.transpose(a, (2, 1, 0, 3)), _with_memory(plan, 0, initial[0])
    )
    from_left = _with_memory(plan, 1, initial[1])
    run = _run_sheared if implementation == "wavefront" else _run_straight
    above = _with_zeros(run(plan, params, from_above, from_left, below, sizes))
    return jax.tree.map(lambda a: jnp.where(inside[..., None], a, 0).astype(xs.h.dtype), above)


def _run_straight(plan, params, from_above, from_left, below, sizes) -> GridState:
    from_left = jax.tree.map(lambda a: jnp.transpose(a, (2, 1, 0, 3)), from_left)
    below = jax.tree.map(lambda a: jnp.transpose(a, (1, 2, 0, 3)), below)
    _, above = reference(plan, params, from_above, (from_left, below), sizes)
    return jax.tree.map(lambda a: jnp.transpose(a, (2, 0, 1, 3)), above)


def _run_sheared(plan, params, from_above, from_left, below, sizes) -> GridState:
    """What enters a lane at each step: column x of depth is x steps late, layer l of columns l."""
    layers, columns = plan.lanes

    def late(rows: Array, more: int) -> Array:
        """[B, Y, lanes, H] -> [S, lanes, B, H]."""
        steps = skewed(rows.swapaxes(1, 2))
        return jnp.pad(jnp.transpose(steps, (2, 1, 0, 3)), [(0, more), *[(0, 0)] * 3])

    entering = (
        jax.tree.map(lambda a: late(a, columns - 1), from_left),
        jax.tree.map(lambda a: late(a, layers - 1), below),
    )
    _, (_, above) = wave(plan, params, from_above, entering, sizes)

    def early(steps: Array) -> Array:
        """[S, lanes, B, H] -> [B, Y, lanes, H]."""
        return unskewed(jnp.transpose(steps[layers - 1 :], (2, 1, 0, 3))).swapaxes(1, 2)

    return jax.tree.map(early, above)


def _with_memory(plan: Plan, place: int, state: GridState) -> GridState:
    """The state of a dimension without memory has none."""
    return state if plan.block.dimensions[place] == "lstm" else GridState(state.h, None)


def _with_zeros(state: GridState) -> GridState:
    """The inverse, so that what is returned has one shape always."""
    return state._replace(m=jnp.zeros_like(state.h) if state.m is None else state.m)
