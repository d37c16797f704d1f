"""What each kind of section chooses, orders and formats."""

import math

import numpy as np
import pytest

from nnarch import report
from nnarch.report import curves, gallery, heatmap
from nnarch.report.markup import Html, element
from nnarch.report.page import anchor
from nnarch.report.palette import LIGHT
from nnarch.report.pictures import png_of_array
from nnarch.report.run import Run, command, flatten


def example(score, generated="a"):
    return report.Example("a", generated, score)


def test_typical_examples_are_spread_evenly_over_the_ranking():
    examples = [example(float(score)) for score in np.random.default_rng(0).permutation(100)]
    chosen = report.choose(examples, each=4)
    assert [e.score for e in chosen.good] == [99, 98, 97, 96]
    assert [e.score for e in chosen.typical] == [87, 62, 37, 12]
    assert [e.score for e in chosen.worst] == [0, 1, 2, 3]


def test_fewer_examples_than_asked_are_shown_once_each():
    chosen = report.choose([example(1.0), example(0.0)], each=5)
    assert [len(group) for group in chosen] == [2, 2, 2]


def test_cells_of_a_matrix_have_their_texts_in_colours_that_can_be_read():
    values = np.array([[0.0, 4.0], [np.nan, 1.0]])
    figure = heatmap.draw(values, "", "", LIGHT, [["a", "b"], ["c", ""]])
    found = {text.get_text(): text for text in figure.axes[0].texts}
    assert found["b"].get_position() == (1, 0)
    colours = [found[name].get_color() for name in "abc"]
    assert colours == ["#ffffff", "#000000", LIGHT.ink]
    with pytest.raises(ValueError, match="a text for each cell"):
        report.heatmap_section("M", values, texts=[["a"], ["b"]])


def test_cards_show_every_example_in_order_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(gallery, "MOST_CARDS", 3)
    examples = [example(0.0, generated) for generated in "abcd"]
    whole = report.cards_section("C", examples[:3])
    assert [whole.body.count(f"{mark} ") for mark in "✓✗"] == [1, 2]
    assert whole.body.index("✓") < whole.body.index(">b<") < whole.body.index(">c<")
    assert "The first" not in whole.body
    cut = report.cards_section("C", examples, note="Sorted.")
    assert "Sorted. The first 3 of 4." in cut.body
    assert list(cut.files) == ["c.png"]
    assert "There are none" in report.cards_section("C", []).body


def test_a_score_that_is_no_number_ranks_last():
    chosen = report.choose([example(math.nan), example(-5.0), example(2.0)], each=1)
    assert chosen.good[0].score == 2
    assert math.isnan(chosen.worst[0].score)


def test_wrong_words_are_marked_and_an_empty_caption_says_so():
    examples = [
        report.Example("red big cat", "red dog cat", 0.5),
        report.Example("red big cat", "", 0.0),
    ]
    body = report.gallery_section("G", examples, each=2).body
    assert '<span class="off">dog</span>' in body
    assert '<span class="off">red</span>' not in body
    assert "(nothing)" in body


def test_no_examples_have_a_section():
    assert "no examples yet" in report.gallery_section("G", []).body


def test_the_best_figure_of_a_split_is_marked():
    results = {
        "run": {"a": {"x": 1.0, "loss": 2.0}},
        "other": {"a": {"x": 3.0, "loss": 5.0}, "b": {"x": math.nan}},
    }
    columns = [report.Column("x", "x"), report.Column("loss", "loss", better="min")]
    body = report.results_section("R", results, columns).body
    assert '<td class="figure best">3.0</td>' in body
    assert '<td class="figure best">2.0</td>' in body
    assert body.count("best") == 2
    assert "nan" not in body


def test_columns_that_no_split_has_are_left_out():
    columns = [report.Column("x", "x heading"), report.Column("y", "y heading")]
    body = report.results_section("R", {"run": {"a": {"x": 1.0}}}, columns).body
    assert "x heading" in body
    assert "y heading" not in body


def test_curves_are_gathered_in_order_and_without_gaps():
    rows = [
        {"step": 1, "split": "train", "learning_rate": 1.0, "loss": None, "time": 5.0},
        {"step": 1, "split": "validation", "bleu": 3.0},
        {"step": 2, "split": "train", "loss": 2.0, "step_ms": 3.0},
        {"split": "train", "loss": 2.0},
    ]
    found = curves.gather(rows)
    assert list(found) == ["loss", "bleu", "learning_rate"]
    assert found["loss"]["train"].tolist() == [[2, 2]]


def test_a_heatmap_refuses_labels_that_do_not_fit():
    with pytest.raises(ValueError, match="a label for each of 2 rows; got 3"):
        report.heatmap_section("M", np.eye(2), rows=["a", "b", "c"])
    with pytest.raises(ValueError, match="expected a matrix"):
        report.heatmap_section("M", np.zeros(3))


def test_maps_of_attention_stand_one_below_the_other():
    maps = [report.AttentionMap(("a", "b"), ("x",), np.ones((2, 1))) for _ in range(2)]
    section = report.attention_section("Looked", maps, note="Rows.")
    assert section.body.count("<picture>") == 2
    assert "Rows." in section.body
    assert 'alt="a b"' in section.body
    assert [*section.files] == ["looked-0.png", "looked-1.png"]
    assert "There are none" in report.attention_section("Looked", []).body


def test_a_picture_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="channels last"):
        png_of_array(np.zeros((3, 8, 8)))


def test_plain_text_is_escaped_and_markup_is_not():
    assert element("p", "<b>", Html("<i>")) == "<p>&lt;b&gt;<i></p>"
    assert element("p", attributes={"title": '"'}) == '<p title="&quot;"></p>'


def test_anchors():
    assert anchor("How to: reproduce <it>") == "how-to-reproduce-it"
    assert anchor("漢") == "section"


def run_of(config, preset="default"):
    return Run("captioning", preset, config, {}, [], {})


def test_the_command_names_what_differs_from_the_preset():
    preset = {"train": {"steps": 5, "seed": 0, "horizon": None}, "model": {"w": [1, 2], "on": True}}
    config = {"train": {"steps": 9, "seed": 0, "horizon": 9}, "model": {"w": [1, 3], "on": False}}
    typed = command(run_of(config, preset="hour"), {"hour": preset})
    assert typed.endswith("--preset hour --steps 9 --model.w 1 3 --model.no-on")
    assert "--steps" not in command(run_of(config), {})


def test_a_preset_that_is_gone_is_not_named():
    config, default = {"model": {"width": 3}}, {"model": {"width": 2}}
    typed = command(run_of(config, preset="gone"), {"default": default})
    assert "--preset" not in typed
    assert typed.endswith("--model.width 3")


def test_nested_options_are_flattened():
    assert flatten({"a": {"b": {"c": 1}}, "d": [2], "e": {}}) == {"a.b.c": 1, "d": [2], "e": {}}
