"""Readers of handwriting: padding changes nothing, and both have as many parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import BFLOAT16_DEEP, FLOAT32_DEEP

from nnarch.models.column_reader import ColumnReader, ColumnReaderConfig
from nnarch.models.mdlstm_reader import MDLSTMReader, MDLSTMReaderConfig

HEIGHT, CLASSES = 8, 5
SMALL = MDLSTMReaderConfig(hidden=(2, 3), patches=((2, 2),), features=(4,))


def readers():
    key = jax.random.key(0)
    yield MDLSTMReader(SMALL, classes=CLASSES, key=key)
    yield ColumnReader(ColumnReaderConfig(hidden=4), height=HEIGHT, classes=CLASSES, key=key)


@pytest.fixture(params=["mdlstm", "columns"])
def reader(request):
    model = dict(zip(("mdlstm", "columns"), readers(), strict=True))[request.param]
    model.eval()
    return model


def picture(width):
    return np.random.default_rng(width).random((1, HEIGHT, width), np.float32)


def score(reader, pictures, widths, seed=None):
    """Logits and lengths; compiled, which is quicker here."""
    graph, state = nnx.split(reader)
    key = None if seed is None else jax.random.key(seed)
    run = jax.jit(lambda state, xs, widths: nnx.merge(graph, state)(xs, widths, key=key))
    return run(state, jnp.asarray(pictures), jnp.array(widths))


def test_a_row_is_scored_alike_alone_and_beside_a_longer_one(reader):
    both = np.full((2, HEIGHT, 24), np.nan, np.float32)
    both[0, :, :9], both[1, :, :21] = picture(9)[0], picture(21)[0]
    logits, lengths = score(reader, both, [9, 21])
    expected, (length,) = score(reader, picture(9), [9])
    assert lengths[0] == length == expected.shape[1] < lengths[1]
    np.testing.assert_allclose(logits[0, :length], expected[0], **FLOAT32_DEEP)
    assert not np.any(logits[0, length:])
    assert length == -(-9 // reader.columns_per_frame)
    assert np.all(np.isfinite(logits))


def test_every_frame_hears_of_the_whole_row(reader):
    changed = picture(24).copy()
    changed[0, 5, 22] += 1
    logits, _ = score(reader, np.concatenate([picture(24), changed]), [24, 24])
    assert np.all(np.abs(logits[0] - logits[1]).max(axis=-1) > 0)


def test_dropout_is_asked_for_by_a_key(reader):
    whole, one, other = (score(reader, picture(9), [9], seed)[0] for seed in (None, 1, 2))
    assert np.abs(whole - one).max() > 0
    assert np.abs(one - other).max() > 0


def test_both_have_as_many_parameters_by_default():
    def count(model):
        shapes = nnx.state(model, nnx.Param)
        return sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))

    key = jax.random.key(0)
    mdlstm = nnx.eval_shape(lambda: MDLSTMReader(MDLSTMReaderConfig(), classes=11, key=key))
    columns = nnx.eval_shape(
        lambda: ColumnReader(ColumnReaderConfig(), height=32, classes=11, key=key)
    )
    assert abs(count(mdlstm) / count(columns) - 1) < 0.02


def test_layers_and_what_is_between_them_have_to_be_as_many():
    with pytest.raises(ValueError, match="patches and features between the layers, 2 each"):
        MDLSTMReaderConfig(hidden=(2, 3, 4), patches=((2, 2),), features=(4,))


def test_the_dtype_of_the_parameters_is_the_one_that_is_computed_in(reader):
    graph, params = nnx.split(reader)
    rounded = nnx.merge(graph, jax.tree.map(lambda p: p.astype(jnp.bfloat16), params))
    expected, _ = score(reader, picture(24), [24])
    logits, _ = score(rounded, picture(24), [24])
    assert logits.dtype == jnp.bfloat16
    np.testing.assert_allclose(logits.astype(jnp.float32), expected, **BFLOAT16_DEEP)


def test_pictures_that_are_too_high_are_refused():
    _, columns = readers()
    with pytest.raises(ValueError, match=f"at most {HEIGHT} rows; got {HEIGHT + 1}"):
        columns(jnp.zeros((1, HEIGHT + 1, 9)), jnp.array([9]))
