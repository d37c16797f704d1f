"""A recording as CTC reads it: spectrogram, the labels' probabilities below it, words in time."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnarch.report.markup import Html, classed, join
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette, dress
from nnarch.report.pictures import inline_pair, png_of_figure

LEAST_SHOWN = 0.2  # a label whose probability never reaches this is not drawn


class WordTime(NamedTuple):
    """A word and when it is said, in seconds."""

    text: str
    start: float
    end: float


class Recording(NamedTuple):
    """One utterance as the model sees it."""

    truth: str
    transcript: str
    spectrogram: np.ndarray  # [F, M], any unit; M bands from low to high
    probabilities: np.ndarray  # [T, V]
    seconds: float
    words: Sequence[WordTime]  # of the true text, aligned; none if it cannot be
    note: str = ""


def word_times(
    frames: np.ndarray, text: str, *, blank: int, frame_seconds: float
) -> list[WordTime]:
    """When each word is said: from its first character's first frame to its last one's last.

    Args:
      frames: int [T], the character or blank of each frame on a path that reads as `text`.
      text: words with spaces between them, each character and each space a label of the path.
      blank: the label that is none.
      frame_seconds: how long a frame lasts.
    """
    changes = np.flatnonzero(np.diff(frames, prepend=-1, append=-1))
    spans = [(first, end) for first, end in pairwise(changes) if frames[first] != blank]
    words, place = [], 0
    for word in text.split(" "):
        if word:
            (first, _), (_, end) = spans[place], spans[place + len(word) - 1]
            words.append(WordTime(word, first * frame_seconds, end * frame_seconds))
        place += len(word) + 1
    return words


def spikes_section(
    title: str,
    recordings: Sequence[Recording],
    labels: Sequence[str],
    *,
    blank: int = 0,
    note: str = "",
) -> Section:
    """Draws each recording; the same as a PNG file each.

    Args:
      title: of the section.
      recordings: in order.
      labels: what each of the V classes is called.
      blank: the class that is drawn faintly.
      note: a paragraph above them.
    """
    if not recordings:
        return Section(title, paragraph("There are no recordings yet."))
    parts, files = [paragraph(note)] if note else [], {}
    for number, recording in enumerate(recordings, 1):
        light, dark = (
            png_of_figure(draw(recording, labels, blank, colours)) for colours in (LIGHT, DARK)
        )
        parts.append(_card(recording, inline_pair(light, dark, alt=recording.truth)))
        files[f"{anchor(title)}-{number}.png"] = light
    return Section(title, classed("div", "block", *parts), files)


def _card(recording: Recording, picture: Html) -> Html:
    right = recording.transcript == recording.truth
    said = classed("p", "said", "✓ " if right else "✗ ", recording.transcript or "(nothing)")
    truth = (
        [] if right else [classed("p", "truth", classed("span", "tag", "true "), recording.truth)]
    )
    note = [classed("p", "note", recording.note)] if recording.note else []
    return join([said, *truth, *note, picture])


def draw(recording: Recording, labels: Sequence[str], blank: int, palette: Palette) -> Figure:
    """The spectrogram, and below it each label's probability over time."""
    figure = Figure(figsize=(9, 3.8), layout="constrained", facecolor=palette.ground)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for axes in (above, below):
        dress(axes, palette)
    _spectrogram(above, recording)
    _words(above, recording, palette)
    _probabilities(below, recording, labels, blank, palette)
    return figure


def _spectrogram(axes: Axes, recording: Recording) -> None:
    bands = recording.spectrogram.shape[1]
    axes.imshow(
        recording.spectrogram.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, recording.seconds, 0, bands),
    )
    axes.grid(visible=False)
    axes.set_yticks([])
    axes.set_ylabel("mel bands", fontsize=8)


def _words(axes: Axes, recording: Recording, palette: Palette) -> None:
    """Each word above the time at which it is said."""
    top = recording.spectrogram.shape[1]
    for word in recording.words:
        axes.plot((word.start, word.end), (top, top), color=palette.ink, lw=3, clip_on=False)
        middle = (word.start + word.end) / 2
        axes.annotate(
            word.text,
            (middle, top),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=palette.ink,
            parse_math=False,
            annotation_clip=False,
        )


def _probabilities(
    axes: Axes, recording: Recording, labels: Sequence[str], blank: int, palette: Palette
) -> None:
    frames = len(recording.probabilities)
    times = (np.arange(frames) + 0.5) * recording.seconds / max(frames, 1)
    axes.fill_between(times, recording.probabilities[:, blank], color=palette.faint, lw=0)
    shown = [
        label
        for label in range(len(labels))
        if label != blank and recording.probabilities[:, label].max(initial=0) >= LEAST_SHOWN
    ]
    for place, label in enumerate(shown):
        colour = palette.series[place % len(palette.series)]
        over_time = recording.probabilities[:, label]
        axes.plot(times, over_time, color=colour, lw=1.2)
        for peak in _peaks(over_time):
            axes.annotate(
                labels[label],
                (times[peak], over_time[peak]),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=colour,
                parse_math=False,
            )
    axes.set_ylim(0, 1.15)
    axes.set_ylabel("probability", fontsize=8)
    axes.set_xlabel("seconds", fontsize=8)


def _peaks(over_time: np.ndarray) -> np.ndarray:
    """Frames at which a label's probability is largest of its run above LEAST_SHOWN."""
    padded = np.concatenate([[0], over_time >= LEAST_SHOWN, [0]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)
    runs = zip(starts, ends, strict=True)
    return np.array([start + over_time[start:end].argmax() for start, end in runs], int)
