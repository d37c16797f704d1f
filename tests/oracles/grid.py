"""Grid LSTM of one row as plain loops over blocks, in float64, from the paper's equations."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def dimension(kind, w, b, seen, m, squash):
    """(h', m') of one dimension: section 2 of the paper, and 3.4 for what is no LSTM."""
    z = seen @ w + b
    if kind != "lstm":
        return (np.tanh(z) if kind == "tanh" else np.maximum(z, 0)), np.zeros_like(m)
    z_i, z_f, z_g, z_o = np.split(z, 4)
    m = sigmoid(z_f) * m + sigmoid(z_i) * np.tanh(z_g)
    o = sigmoid(z_o)
    return (np.tanh(o * m) if squash == "after" else o * np.tanh(m)), m


def block(params, layer, hs, ms, kinds, priority, squash):
    """All h' and m' of a block; section 3.3 for the priority dimension."""
    ws, bs = ([np.asarray(p, np.float64) for p in of] for of in params)
    if ws[0].ndim == 3:
        ws, bs = [w[layer] for w in ws], [b[layer] for b in bs]
    count = len(hs)
    out_h, out_m = list(hs), list(ms)
    for place in range(count):
        if place != priority:
            out_h[place], out_m[place] = dimension(
                kinds[place], ws[place], bs[place], np.concatenate(hs), ms[place], squash
            )
    if priority is not None:
        seen = [hs[p] if p == priority else out_h[p] for p in range(count)]
        out_h[priority], out_m[priority] = dimension(
            kinds[priority],
            ws[priority],
            bs[priority],
            np.concatenate(seen),
            ms[priority],
            squash,
        )
    return out_h, out_m


def grid(params, sides, layers, *, kinds, priority=None, squash="after"):
    """Sides of a grid of places [*sizes, layers] -> what leaves each side.

    sides: for each dimension h and m that enter it, [*all other sizes, H], the layers last among
    them. What is returned has the same shapes.
    """
    count = len(kinds)
    sides = [[np.asarray(a, np.float64) for a in side] for side in sides]
    sizes = [*sides[-1][0].shape[:-1], layers]
    leaving = [[np.array(a) for a in side] for side in sides]
    for place in np.ndindex(*sizes):
        around = [tuple(n for d, n in enumerate(place) if d != own) for own in range(count)]
        hs = [leaving[d][0][around[d]] for d in range(count)]
        ms = [leaving[d][1][around[d]] for d in range(count)]
        hs, ms = block(params, place[-1], hs, ms, kinds, priority, squash)
        for d in range(count):
            leaving[d][0][around[d]], leaving[d][1][around[d]] = hs[d], ms[d]
    return leaving
