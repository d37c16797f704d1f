"""Sentences in memory, and what the pipeline draws from them."""

import numpy as np
import pytest

from nnarch.data import translations
from nnarch.data.pipeline import Batches, evaluation_batches
from nnarch.data.subwords import SubwordOptions, Subwords
from nnarch.data.translations import Sentences, examples, sources_alone
from nnarch.data.vocabulary import END, PAD

SENTENCES = Sentences(
    source=tuple("the owl sees " + "a dog and " * n + "a horse" for n in range(12)),
    target=tuple("le hibou voit " + "un chien et " * n + "un cheval" for n in range(12)),
    details={"who": tuple("lo"[n % 2] for n in range(12))},
)


@pytest.fixture(scope="module")
def sides():
    options = SubwordOptions(size=40, kind="bpe")
    return Subwords.of(SENTENCES.source, options), Subwords.of(SENTENCES.target, options)


def test_batches_hold_both_sides_of_the_same_pairs(sides):
    drawn = examples(SENTENCES, *sides)
    assert len(drawn) == 12
    for batch in evaluation_batches(drawn, 5):
        for row, number in enumerate(batch["index"]):
            for side, name in zip(sides, ("source", "target"), strict=True):
                tokens, length = batch[name][row], batch[f"{name}_lengths"][row]
                assert tokens.dtype == np.int32
                assert tokens[length - 1] == END
                assert (tokens[length:] == PAD).all()
                assert side.decode(tokens) == getattr(SENTENCES, name)[number]


def test_buckets_are_by_length(sides):
    batches = Batches(examples(SENTENCES, *sides), 2, buckets=3)
    widths = {shapes["source"].shape for shapes in batches.shapes}
    assert len(widths) == 3
    for number in range(8):
        batch = batches.batch(number)
        assert batch["source"].shape in widths
        assert (batch["source_lengths"] > 0).all()


def test_pairs_that_are_too_long_are_left_out_and_counted(sides, caplog):
    lengths = examples(SENTENCES, *sides).lengths
    longest = int(np.sort(lengths)[4])
    short = examples(SENTENCES, *sides, longest=longest)
    assert len(short) == 5
    assert short.lengths.max() == longest
    assert f"Left out 7 pairs of more than {longest} subwords" in caplog.text
    with pytest.raises(ValueError, match="Allow more"):
        examples(SENTENCES, *sides, longest=1)


def test_sources_alone_have_no_targets(sides):
    batch = next(evaluation_batches(sources_alone(["the owl", ""], sides[0]), 2))
    assert batch.keys() == {"source", "source_lengths", "index", "valid"}
    assert batch["source_lengths"][1] == 1
    assert sides[0].decode(batch["source"][0]) == "the owl"


def test_pairs_are_taken_with_their_details():
    taken = SENTENCES.take([3, 0])
    assert taken.source == (SENTENCES.source[3], SENTENCES.source[0])
    assert taken.target == (SENTENCES.target[3], SENTENCES.target[0])
    assert taken.details == {"who": ("o", "l")}
    assert len(taken) == 2


def test_a_translation_is_asked_for_by_a_symbol():
    asked = SENTENCES.asking("who")
    assert asked.source[1] == "<to:o> " + SENTENCES.source[1]
    assert (asked.target, asked.details) == (SENTENCES.target, SENTENCES.details)
    symbols = SENTENCES.symbols("who")
    assert symbols == ("<to:l>", "<to:o>")
    side = Subwords.of(SENTENCES.source, SubwordOptions(size=50, kind="bpe", symbols=symbols))
    assert side.pieces(side.encode(asked.source[0]))[:2] in {
        ("▁", "<to:l>"),
        ("<to:l>", "▁the"),
    }


def test_a_set_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"got 'wmt15'\. Name one"):
        translations.load("wmt15")
