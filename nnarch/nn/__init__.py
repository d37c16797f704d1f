"""Flax NNX modules: they hold parameters and call one kernel. Keys are passed, never kept."""

from nnarch.nn.attention import BahdanauDecoder, LuongDecoder
from nnarch.nn.cnn import CNN, ResidualBlock
from nnarch.nn.convolution import BatchNorm, Convolution, ConvolutionBlock
from nnarch.nn.draw import Draw
from nnarch.nn.embedding import Embedding
from nnarch.nn.grid import GridLSTM1D, GridLSTM2D
from nnarch.nn.linear import Linear, dropout
from nnarch.nn.lstm_variants import LayerNormLSTM, PeepholeLSTM
from nnarch.nn.pooling import AttentionPooling
from nnarch.nn.pyramid import Pyramid
from nnarch.nn.recurrent import GRU, LSTM, Elman
from nnarch.nn.renet import ReNet
from nnarch.nn.sequence import LayerNorm, TimeConvolution
from nnarch.nn.stack import Bidirectional, Stacked
from nnarch.nn.state_noise import StateNoise
from nnarch.nn.volumes import InstanceNorm, VolumeBlock, VolumeConvolution

__all__ = [
    "CNN",
    "GRU",
    "LSTM",
    "AttentionPooling",
    "BahdanauDecoder",
    "BatchNorm",
    "Bidirectional",
    "Convolution",
    "ConvolutionBlock",
    "Draw",
    "Elman",
    "Embedding",
    "GridLSTM1D",
    "GridLSTM2D",
    "InstanceNorm",
    "LayerNorm",
    "LayerNormLSTM",
    "Linear",
    "LuongDecoder",
    "PeepholeLSTM",
    "Pyramid",
    "ReNet",
    "ResidualBlock",
    "Stacked",
    "StateNoise",
    "TimeConvolution",
    "VolumeBlock",
    "VolumeConvolution",
    "dropout",
]
