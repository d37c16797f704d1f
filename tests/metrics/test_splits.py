"""What counts as a test split, and what it is called."""

from nnarch.metrics import splits


def test_tests_are_all_but_training_and_validation():
    sizes = {"train": [1, 2], "validation": [3], "composed": [4, 5], "test": [], "test_clean": [6]}
    found = splits.over_tests(sizes, lambda split: {"size": len(split)})
    assert found == {
        "test_composed": {"size": 2},
        "test": {"size": 0},
        "test_clean": {"size": 1},
    }
