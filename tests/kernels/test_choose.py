"""The first implementation that does not refuse, or the named one, or an error that says why."""

import pytest

from nnarch.kernels.choose import choose

REFUSALS = {
    "quick": lambda call: "it takes no odd number" if call % 2 else None,
    "plain": lambda call: None,
    "never": lambda call: "it never runs",
}


@pytest.mark.parametrize(
    ("call", "named", "chosen"),
    [(2, None, "quick"), (1, None, "plain"), (2, "plain", "plain"), (2, "quick", "quick")],
)
def test_what_is_chosen(call, named, chosen):
    assert choose("kernel", REFUSALS, call, implementation=named) == chosen


def test_a_name_that_does_not_exist():
    with pytest.raises(
        ValueError, match=r"kernel has no.*'slow'.*'quick', 'plain', 'never'.*Leave"
    ):
        choose("kernel", REFUSALS, 1, implementation="slow")


@pytest.mark.parametrize(("named", "why"), [("quick", "no odd number"), ("never", "never runs")])
def test_a_named_one_that_refuses_says_why(named, why):
    with pytest.raises(
        ValueError, match=rf"kernel.*{named}.*{why}.*'quick', 'plain', 'never'.*leave"
    ):
        choose("kernel", REFUSALS, 1, implementation=named)
