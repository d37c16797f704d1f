"""ReNet of one picture, float64: each column of patches is read, then each row of what was said.

The cells are those of oracles/recurrent.py, loops from the published equations.
"""

import numpy as np


def read(cell, params, states, line):
    """line [T, D] -> what the cell says at each step [T, H]; it has `states` states."""
    params = type(params)(*(np.asarray(p, np.float64) for p in params))
    state = tuple(np.zeros(params.w_h.shape[0]) for _ in range(states))
    said = []
    for x in line:
        state = cell(params, x, state)
        said.append(state[0])
    return np.stack(said)


def both_ways(cell, pair, states, line):
    """line [T, D] -> [T, 2H]."""
    there = read(cell, pair[0], states, line)
    back = read(cell, pair[1], states, line[::-1])[::-1]
    return np.concatenate([there, back], axis=1)


def renet(cell, states, params, picture, patch):
    """picture [Y, X, D], its sides above 0 -> [ceil(Y / py), ceil(X / px), 2H]."""
    columns, rows = params
    down = [-(-side // size) for side, size in zip(picture.shape, patch, strict=False)]
    patches = np.zeros((*down, patch[0], patch[1], picture.shape[2]))
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            patches[y // patch[0], x // patch[1], y % patch[0], x % patch[1]] = picture[y, x]
    patches = patches.reshape(*down, -1)
    said = np.stack(
        [both_ways(cell, columns, states, patches[:, x]) for x in range(down[1])], axis=1
    )
    return np.stack([both_ways(cell, rows, states, said[y]) for y in range(down[0])])
