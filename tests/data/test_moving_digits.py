"""Moving digits: labels and sentences against an oracle that sees positions alone."""

from itertools import pairwise

import numpy as np
import pytest
from data.small_digits import load
from tolerances import FLOAT32

from nnarch.data import moving_digits as md
from nnarch.data.moving_digits import drawing, motion, scripts, stage
from nnarch.data.moving_digits.sentences import LONGEST
from nnarch.data.vocabulary import UNKNOWN

KINDS = ("stops", "enters", "leaves", "bounces")
SIZE = 32


@pytest.fixture(scope="module")
def cast():
    return md.Cast(load(splits=("test",))["test"])


def drawn(wanted, count, kinds=md.KINDS, seed=0):
    rng = np.random.default_rng(seed)
    recipe = md.Recipe(24, kinds, wanted)
    return [recipe.draw(rng) for _ in range(count)]


SCRIPTS = drawn(md.known, 150)


def oracle(script):
    """What happens, from positions alone: a list of (who acts, verb), in order.

    Whoever's position changes acts; spells of change are divided by rests of both.
    """
    where = motion.positions(script)
    moved = np.any(np.diff(where, axis=1) != 0, axis=-1)  # [2, T - 1]
    gone = np.any((where < -1.4) | (where > 3.4), axis=-1)
    moved &= ~(gone[:, :-1] & gone[:, 1:])  # taken to another way in
    found, spells = [], np.flatnonzero(np.diff(np.concatenate([[0], moved.any(axis=0), [0]])))
    for start, end in zip(spells[::2], spells[1::2], strict=True):
        who = np.flatnonzero(moved[:, start:end].any(axis=1))
        if len(who) == 2:
            found.append((None, "swap"))
            continue
        path = where[who[0], start : end + 1]
        inside = np.all((path >= -1e-9) & (path <= 2 + 1e-9), axis=1)
        way = path[-1] - path[0]
        if not inside[0]:
            verb = "enters"
        elif not inside[-1]:
            verb = "leaves"
        elif np.allclose(way, 0):
            verb = "bounces"
            border = path[np.argmax(np.abs(path - path[0]).sum(axis=1))]
            assert np.any(np.isclose(border, 0) | np.isclose(border, 2))
        else:
            axis = int(np.argmax(np.abs(way)))
            verb = (("rises", "falls"), ("moves left", "moves right"))[axis][int(way[axis] > 0)]
        found.append((int(who[0]), verb))
    return found


def test_what_is_told_is_what_positions_say():
    for script in SCRIPTS:
        told = [(None if a.verb == "swap" else a.who, a.verb) for a in script.actions]
        assert oracle(script) == told


def test_sentences_are_parsed_back_and_known():
    for script in SCRIPTS:
        events = md.events_of(script)
        words = md.sentence(events)
        assert len(words) <= LONGEST
        assert UNKNOWN not in md.VOCABULARY.encode(words)
        assert md.parse(" ".join(words)) == events
        assert md.told_pattern(events) == scripts.pattern_of(script)
    assert md.parse("the three flies") is None
    assert md.parse("the three moves left then") is None
    assert md.parse("") is None


def test_a_sentence_is_as_the_docstring_says():
    at = ((1, 2), (0, 0))
    actions = (
        stage.Action("moves left", 0, ((1, 2), (1, 1))),
        stage.Action("falls", 1, ((0, 0), (1, 0))),
    )
    script = md.Script((3, 7), at, actions, (4, 4), (1, 1, 1))
    told = " ".join(md.sentence(md.events_of(script)))
    assert told == "the three moves left then the seven falls"
    backward = " ".join(md.sentence(md.events_of(script.backward())))
    assert backward == "the seven rises then the three moves right"


def test_a_clip_backward_has_the_same_frames_and_never_the_same_order():
    for script in SCRIPTS:
        other = script.backward()
        seen = [motion.positions(other), motion.positions(script)[:, ::-1]]
        for where in seen:  # all places outside are one
            where[np.any((where < -1.4) | (where > 3.4), axis=-1)] = motion.FAR
        np.testing.assert_allclose(*seen, **FLOAT32)
        assert scripts.pattern_of(other) != scripts.pattern_of(script)
        assert other.backward() == script


def test_digits_stand_apart_and_act_one_after_the_other():
    for script in SCRIPTS:
        places = script.places
        for action in script.actions:
            assert action in stage.possible(places)[action.kind]
            places = action.after(places)
            assert None in places or places[0] != places[1]


def test_what_is_kept_from_training_is_in_combinations_alone():
    anew = drawn(md.combined_anew, 20)
    for script in SCRIPTS:
        assert sum(script.digits) % 5
        verbs = [a.verb for a in script.actions]
        assert not scripts.NEVER_FOLLOWS & {*pairwise(verbs)}
    for script in anew:
        assert sum(script.digits) % 5 == 0
        assert scripts.NEVER_FOLLOWS & {*pairwise([a.verb for a in script.actions])}
    closed = {(stage.REVERSED[b], stage.REVERSED[a]) for a, b in scripts.NEVER_FOLLOWS}
    assert closed == scripts.NEVER_FOLLOWS
    shown = {digit for script in SCRIPTS for digit in script.digits}
    verbs = {a.verb for script in SCRIPTS for a in script.actions}
    assert shown == {*range(10)}
    assert verbs == {*stage.VERBS}


def test_a_frame_s_label_is_what_moved_and_is_seen(cast):
    labelled = md.Labelled(cast, md.Recipe(24, KINDS, md.anything), SIZE)
    batch = labelled.draw(np.random.default_rng(3), 40)
    rng = np.random.default_rng(3)
    for row in range(40):
        script = labelled.recipe.draw(rng)
        moved = np.any(np.diff(motion.positions(script), axis=1) != 0, axis=(0, 2))
        label = batch["label"][row]
        acting = motion.acting(script).action
        for t in range(1, 24):
            assert (acting[t] != motion.REST) == moved[t - 1]
            if label[t]:
                action = script.actions[acting[t]]
                assert md.LABELS[label[t]] == action.kind
                assert batch["digit"][row, t] == script.digits[action.who]
        assert label[0] == 0
        assert np.all((batch["digit"][row] == md.NOBODY) == (label == 0))
        unseen = moved & (label[1:] == 0)
        for t in np.flatnonzero(unseen) + 1:  # of what is outside, nothing is seen
            action = script.actions[acting[t]]
            assert action.kind in ("enters", "leaves")
            at = motion.positions(script)[action.who, t]
            assert at.min() < 0 or at.max() > 2


def test_up_to_a_marked_frame_other_kinds_look_alike():
    """For each marked frame another script has the same positions up to it, and another kind."""
    found = 0
    for script in drawn(md.anything, 60, KINDS):
        marks, where = motion.acting(script), motion.positions(script)
        starts = np.cumsum([p + d for p, d in zip(script.pauses, script.durations, strict=False)])
        for t in np.flatnonzero(marks.from_future):
            action = script.actions[marks.action[t]]
            at = where[action.who, t]
            assert np.all((at >= 0) & (at <= 2))
            way = np.array(action.path[1]) - action.path[0]
            start = starts[marks.action[t]] - script.durations[marks.action[t]]
            been = where[action.who, start - 1 : t + 1] - action.path[0]
            assert np.all(been @ way >= -1e-9)  # only onward
            assert np.all(np.diff(been @ way) > 0)
            found += 1
        backward = motion.acting(script.backward())
        decided = [script.actions[n].kind for n in marks.action[marks.from_past]]
        assert set(decided) <= {"stops", "enters", "bounces"}
        assert marks.from_past.sum() == pytest.approx(backward.from_future.sum(), abs=6)
    assert found > 100


def test_digits_are_drawn_where_they_are(cast):
    digit = cast.pictures[:1]
    at = np.array([[[10.5, 12.5], [10.5, 12.75], [-30, 5], [15.5, 31]]])
    frames = drawing.draw_digits(digit, at, SIZE)[0]
    np.testing.assert_allclose(frames[0, 4:18, 6:20], digit[0], **FLOAT32)
    assert frames[0].sum() == pytest.approx(digit.sum(), rel=1e-5)
    shifted = 0.75 * frames[0] + 0.25 * np.roll(frames[0], 1, axis=1)
    np.testing.assert_allclose(frames[1], shifted, rtol=1e-5, atol=1e-3)
    assert not frames[2].any()
    assert 0 < frames[3].sum() < digit.sum()


def test_batches_are_a_function_of_their_seed(cast):
    told = md.Told(cast, md.Recipe(24, md.KINDS, md.known), SIZE, 3)
    first, again, other = (told.draw(np.random.default_rng([0, n]), 4) for n in (5, 5, 6))
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
        assert values.shape == other[name].shape
    assert first["picture"].shape == (4, 24, SIZE, SIZE, 3)
    assert first["picture"].dtype == np.uint8
    assert not np.array_equal(first["picture"], other["picture"])


def test_a_test_set_has_every_clip_backward_too(cast):
    split = md.Told(cast, md.Recipe(24, md.KINDS, md.known), SIZE).both_ways(
        np.random.default_rng(1), 5
    )
    assert len(split) == 10
    np.testing.assert_array_equal(split.pictures[5:], split.pictures[:5, ::-1])
    for one, other in zip(split.captions[:5], split.captions[5:], strict=True):
        patterns = [md.told_pattern(md.parse(" ".join(words))) for (words,) in (one, other)]
        assert patterns[0] != patterns[1]
