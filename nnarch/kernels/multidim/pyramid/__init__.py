"""PyraMiD-LSTM: convolutional LSTMs through a volume, plane by plane, in six directions."""

from nnarch.kernels.multidim.pyramid.api import conv_lstm, pyramid
from nnarch.kernels.multidim.pyramid.parameters import PyramidParams, init_pyramid

__all__ = ["PyramidParams", "conv_lstm", "init_pyramid", "pyramid"]
