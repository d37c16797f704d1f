"""How the captioning model is trained, in plain numbers: what both libraries have to follow."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """Of picture changes, loss and optimiser; see the experiment and TrainConfig."""

    shift: float
    scale: float
    brightness: float
    contrast: float
    channels: float
    label_smoothing: float
    learning_rate: float
    weight_decay: float
    clip_norm: float
    average: float  # decay of the parameters' moving average; 0 for none
