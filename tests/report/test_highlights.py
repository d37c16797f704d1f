from nnarch.report import Highlight, highlights_beside

RESULTS = {"test_a": {"error": 1.25}, "test_b": {"error": 2.0}}
ASKED = {("test_b", "error"): "of b wrong", ("test_a", "error"): "of a wrong"}


def test_a_figure_stands_beside_that_of_the_first_baseline_that_has_it():
    baselines = {"rules": {"test_b": {"error": 9.0}}, "chance": {"test_a": {"error": 50.0}}}
    assert highlights_beside(RESULTS, baselines, ASKED) == [
        Highlight("2.0 %", "of b wrong", "rules: 9.0 %"),
        Highlight("1.2 %", "of a wrong", "chance: 50.0 %"),
    ]


def test_what_was_not_evaluated_is_left_out_and_no_baseline_is_no_note():
    asked = ASKED | {("test_c", "error"): "of c wrong", ("test_a", "speed"): "a second"}
    assert highlights_beside(RESULTS, {}, asked, form="{:.2f}") == [
        Highlight("2.00", "of b wrong"),
        Highlight("1.25", "of a wrong"),
    ]
