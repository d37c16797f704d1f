"""The nearest neighbour on pixels: the baseline that any learning has to beat."""

import numpy as np

_BLOCK = 512  # queries at a time: 512 against 100,000 pictures are 200 MB of distances


def nearest(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """For each query the number of the key at the least Euclidean distance, the first of equals.

    As |k - q|^2 = |k|^2 - 2 k.q + |q|^2, one matrix product serves a block of queries; |q|^2 is the
    same for all keys. Values are centred first, which leaves distances alone and float32 precise.

    Args:
      queries: [N, ...], any number type.
      keys: [M, ...], the rest of the shape as that of the queries.

    Returns:
      int64 [N], numbers below M.

    Raises:
      ValueError: there are no keys, or the shapes do not fit.
    """
    if not len(keys) or queries.shape[1:] != keys.shape[1:]:
        raise ValueError(
            f"nearest expects queries [N, ...] and keys [M, ...] of one shape, M at least 1; got "
            f"{queries.shape} and {keys.shape}. Bring both to one size."
        )
    flat = keys.reshape(len(keys), -1).astype(np.float32)
    mean = flat.mean(axis=0)
    flat -= mean
    squares = np.einsum("md,md->m", flat, flat)
    found = [
        _nearest(queries[start : start + _BLOCK], flat, squares, mean)
        for start in range(0, len(queries), _BLOCK)
    ]
    return np.concatenate([np.empty(0, np.int64), *found])


def _nearest(
    queries: np.ndarray, keys: np.ndarray, squares: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    centred = queries.reshape(len(queries), -1).astype(np.float32) - mean
    return (squares - 2 * centred @ keys.T).argmin(axis=1)
