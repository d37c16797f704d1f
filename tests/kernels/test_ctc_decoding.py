"""What holds for greedy decoding, beam search and alignment alike."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives
from kernels.ctc_decoding_cases import host, labels_for, rows
from tolerances import FLOAT32

from nnarch.kernels import CTCPrior, ctc_align, ctc_beam_search, ctc_greedy

PLATFORMS = ("cpu", "cuda", "tpu")
STEPS, CLASSES, BLANK = 6, 4, 1


def greedy(logits, lengths, labels, label_lengths):
    return ctc_greedy(logits, lengths, blank=BLANK)


def beam(logits, lengths, labels, label_lengths):
    return ctc_beam_search(logits, lengths, beam=3, blank=BLANK)


def beam_with_prior(logits, lengths, labels, label_lengths):
    """The prior favours the row's own labels; its state is these, and it reads the newest one."""

    def step(state, read):
        wanted, last = state
        votes = (wanted[:, :, None] == jnp.arange(CLASSES)).sum(axis=1, dtype=jnp.float32)
        repeats = (read[:, None] == last[:, None]).astype(jnp.float32)
        return votes - repeats, (wanted, read)

    state = (jnp.asarray(labels), jnp.zeros_like(jnp.asarray(label_lengths)))
    prior = CTCPrior(step, state, start=CLASSES)
    return ctc_beam_search(logits, lengths, beam=3, blank=BLANK, prior=prior)


def align(logits, lengths, labels, label_lengths):
    return ctc_align(logits, lengths, labels, label_lengths, blank=BLANK)


every_kernel = pytest.mark.parametrize("run", [greedy, beam, beam_with_prior, align])


def case(seed=0, batch=8):
    logits, lengths = rows(seed, batch=batch, steps=STEPS, classes=CLASSES)
    return logits, lengths, *labels_for(seed, logits, lengths, blank=BLANK)


def on_device(operands):
    return jax.tree.map(jnp.asarray, operands)


def assert_same(found, expected):
    """Labels and lengths exactly, scores nearly."""
    for f, e in zip(host(found), host(expected), strict=True):
        assert (f.shape, f.dtype) == (e.shape, e.dtype)
        if f.dtype == np.int32:
            np.testing.assert_array_equal(f, e)
        else:
            np.testing.assert_allclose(f, e, **FLOAT32)


@every_kernel
def test_jit_changes_nothing(run):
    operands = case()
    assert_same(jax.jit(run)(*on_device(operands)), run(*operands))


@every_kernel
def test_vmap_is_a_loop(run):
    batches = [on_device(case(seed, batch=3)) for seed in range(2)]
    found = jax.vmap(run)(*jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches))
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(run(*b) for b in batches))
    assert_same(found, expected)


@every_kernel
def test_a_batch_gives_what_its_rows_give(run):
    operands = case()
    together = host(run(*operands))
    for row in range(8):
        alone = run(*(operand[row : row + 1] for operand in operands))
        assert_same(alone, [part[row : row + 1] for part in together])


@every_kernel
def test_what_stands_in_padding_changes_nothing(run):
    logits, lengths, labels, label_lengths = case()
    padding = np.arange(STEPS) >= lengths[:, None]
    expected = run(logits, lengths, labels, label_lengths)
    for filling in (0.0, 1e30, -np.inf, np.inf):
        logits[padding] = filling
        assert_same(run(logits, lengths, labels, label_lengths), expected)


def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))


@every_kernel
def test_shard_map_over_rows(run):
    operands = on_device(case(batch=16))
    on_each = jax.shard_map(run, mesh=mesh(), in_specs=P("data"), out_specs=P("data"))
    compiled = jax.jit(on_each).lower(*operands).compile()
    assert run is greedy or not any(loop_collectives(compiled))
    assert_same(compiled(*operands), run(*operands))


@every_kernel
@pytest.mark.parametrize("varying", range(4))
def test_shard_map_where_one_operand_alone_differs(run, varying):
    operands = on_device(case())
    same = [jnp.repeat(operand[:1], 8, axis=0) for operand in operands]
    whole = [*same[:varying], operands[varying], *same[varying + 1 :]]
    given = [operand if n == varying else operand[:1] for n, operand in enumerate(whole)]
    specs = tuple(P("data") if n == varying else P() for n in range(4))
    # What a kernel does not read may leave its answer the same on all devices.
    on_each = jax.shard_map(
        run, mesh=mesh(), in_specs=specs, out_specs=P("data"), check_vma=run is not greedy
    )
    assert_same(jax.jit(on_each)(*given), run(*whole))


@every_kernel
def test_sharded_rows_meet_in_no_loop(run):
    """But in XLA's top_k on CPUs, which is not partitioned there, as it is on GPUs."""
    operands = on_device(case(batch=16))
    rows_of = NamedSharding(mesh(), P("data"))
    compiled = jax.jit(run, in_shardings=rows_of).lower(*operands).compile()
    if run is align:
        assert not any(loop_collectives(compiled))
    elif run is not greedy:
        met = [found for loop in loop_collectives(compiled) for found in loop]
        assert {found.kind for found in met} <= {"all-gather"}
        assert len(met) <= 1
    assert_same(compiled(*jax.device_put(operands, rows_of)), run(*operands))


@every_kernel
def test_lowers_for_every_platform_at_once_and_answers_the_same(run):
    operands = on_device(case())
    exported = jax.export.export(jax.jit(run), platforms=PLATFORMS)(*operands)
    assert exported.platforms == PLATFORMS
    assert_same(exported.call(*operands), run(*operands))


@every_kernel
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_short_floats_are_computed_in_float32(run, dtype):
    logits, *integers = on_device(case())
    logits = logits.astype(dtype)
    found = run(logits, *integers)
    assert found[-1].dtype == jnp.float32
    assert_same(found, run(logits.astype(jnp.float32), *integers))


@every_kernel
def test_float64_stays_float64(run):
    with jax.enable_x64(True):
        logits, *integers = case()
        *found, log_probs = run(jnp.asarray(logits, jnp.float64), *integers)
        assert log_probs.dtype == jnp.float64
        assert {part.dtype for part in found} == {jnp.dtype(jnp.int32)}
    assert_same((*found, log_probs.astype(np.float32)), run(logits, *integers))


@every_kernel
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_no_dtype_is_promoted_silently(run, dtype):
    logits, *integers = on_device(case())
    with jax.numpy_dtype_promotion("strict"):
        jax.eval_shape(run, logits.astype(dtype), *integers)


@every_kernel
@pytest.mark.parametrize(("batch", "steps"), [(0, 3), (2, 0), (0, 0)])
def test_nothing_in_gives_nothing_out(run, batch, steps):
    logits, lengths = jnp.zeros((batch, steps, CLASSES)), [steps] * batch
    *found, log_probs = run(logits, lengths, np.zeros((batch, 0), np.int32), [0] * batch)
    assert found[0].shape[0] == batch
    assert found[0].shape[-1] == steps
    assert log_probs.shape[0] == batch
    if steps == 0:
        assert (log_probs if log_probs.ndim == 1 else log_probs[:, 0]).tolist() == [0] * batch


@every_kernel
def test_lengths_on_a_device_are_clipped(run):
    logits, _, labels, label_lengths = case()
    logits = np.nan_to_num(logits)
    lengths = np.array([6, 6, 0, 0, 3, 6, 1, 0], np.int32)
    beyond = np.array([7, 900, -1, -900, 3, 6, 1, 0], np.int32)
    found = run(logits, jnp.asarray(beyond), labels, label_lengths)
    assert_same(found, run(logits, lengths, labels, label_lengths))


@every_kernel
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"logits": np.zeros((6, 4), np.float32)}, r"logits \[B, T, V\]"),
        ({"logits": np.zeros((8, 6, 0), np.float32)}, r"logits \[B, T, V\]"),
        ({"logits": np.zeros((8, 6, 4), np.int32)}, "floating dtype"),
        ({"logits": np.zeros((8, 6, 1), np.float32)}, "one of the 1 classes"),
        ({"lengths": [7] * 8}, "between 0 and 6"),
        ({"lengths": [-1] * 8}, "between 0 and 6"),
        ({"lengths": [6] * 7}, r"shape \[8\]"),
        ({"lengths": None}, "got None"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_does_not_fit_is_refused(run, changed, message):
    given = dict(zip(("logits", "lengths", "labels", "label_lengths"), case(), strict=True))
    with pytest.raises(ValueError, match=message):
        run(**(given | changed))


@pytest.mark.parametrize("wrong", [0, -2, 1.5, True, None])
def test_a_beam_is_an_integer_of_one_or_more(wrong):
    with pytest.raises(ValueError, match="beam to be an integer of 1 or more"):
        ctc_beam_search(jnp.zeros((1, 2, 3)), [2], beam=wrong)


@pytest.mark.parametrize("function", [ctc_greedy, partial(ctc_beam_search, beam=2)])
@pytest.mark.parametrize("wrong", [3, -1, 0.5, True])
def test_a_blank_is_one_of_the_classes(function, wrong):
    with pytest.raises(ValueError, match="one of the 3 classes"):
        function(jnp.zeros((1, 2, 3)), [2], blank=wrong)


@pytest.mark.parametrize("wrong", [[BLANK, 2], [2, CLASSES], [-1, 2]])
def test_labels_to_align_are_classes_other_than_the_blank(wrong):
    with pytest.raises(ValueError, match="other than the blank, 1"):
        ctc_align(np.zeros((1, 3, CLASSES), np.float32), [3], [wrong], [2], blank=BLANK)
