"""Recurrence in more than one dimension."""

from nnarch.kernels.multidim.mdlstm import mdlstm, mdlstm_directions
from nnarch.kernels.multidim.parameters import MDLSTMParams, init_mdlstm

__all__ = ["MDLSTMParams", "init_mdlstm", "mdlstm", "mdlstm_directions"]
