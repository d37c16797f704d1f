"""How near predicted ratings are to those that people gave."""

from typing import NamedTuple

import numpy as np

NEUTRAL = 0.5  # ratings nearer to 0 say neither good nor bad


class RatingFigures(NamedTuple):
    """Of a set of texts."""

    sign: float  # percent of texts that are not neutral whose side is told, positive or negative
    correlation: float  # Pearson's, in percent; 0 where one side does not vary
    error: float  # the mean absolute difference


def rating_figures(told: np.ndarray, true: np.ndarray) -> RatingFigures:
    """Compares ratings told with true ones, float [N] each.

    Neutral is a true rating within NEUTRAL of 0. A rating told as exactly 0 takes no side, and is
    wrong of a text that is not neutral.

    Raises:
      ValueError: there are none, not as many of the one as of the other, or all are neutral.
    """
    told, true = np.asarray(told, float), np.asarray(true, float)
    clear = np.abs(true) >= NEUTRAL
    if told.shape != true.shape or told.ndim != 1 or not clear.any():
        raise ValueError(
            f"rating_figures expects ratings [N], two of each text, not all neutral; got "
            f"{told.shape} and {true.shape}. Rate each text once."
        )
    right = np.sign(told[clear]) == np.sign(true[clear])
    varies = np.ptp(told) > 0 and np.ptp(true) > 0
    return RatingFigures(
        sign=100 * float(np.mean(right)),
        correlation=100 * float(np.corrcoef(told, true)[0, 1]) if varies else 0.0,
        error=float(np.mean(np.abs(told - true))),
    )
