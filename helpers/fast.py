"""What makes helpers/attention.py fast, kept apart so that the formulas there stay short.

Nothing here changes a result beyond rounding. Four ideas, each measured by benchmarks/attention_speed.py:

    in place      softmax overwrites the scores: at 4096 words and 8 heads they are half a gigabyte
    blocks        long sequences go through in blocks of query rows that fit the processor's cache
    small grids   the products are cut into small ones, which NumPy's OpenBLAS works without copying first
    threads       blocks are independent, and NumPy lets Python's threads run while it computes
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

BLOCK = 2**18          # scores in one block: 1 MB in float32, about one core's share of the cache
SMALL = 10**6          # multiplications up to which OpenBLAS takes its kernel for small matrices
WIDTH = 64             # columns of one tile of a matrix: a tile of 512 rows is then 128 KB, read in one sweep
LONG = 1024            # words from which on blocks are faster ...
MEDIUM = 128           # ... or, where threads share them or memory is to be saved, from here on
PIECE = 512            # keys over which one part of an output's sum runs
WORTH_SHARING = 10**7  # multiplications below which a second thread costs more than it saves


def _processors():
    if sys.platform == "emscripten":                                        # Python in the browser has no threads
        return 1
    wanted = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS", "")    # what NumPy's products obey
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(int(wanted), available) if wanted.isdecimal() and int(wanted) else available


n_threads = _processors()                                                   # may be set; results depend on it by rounding at most


def softmax_in_place(scores, axis=-1):
    """Overwrite scores with their weights; a row of nothing but -inf becomes zeros."""
    scores /= exponentials_in_place(scores, axis)
    return scores


def exponentials_in_place(scores, axis=-1):
    """exp(score - largest of its row), and the total of each row, by which it must still be divided."""
    largest = scores.max(axis=axis, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):                      # the lowest minus the largest float is -inf: exp makes it 0
        scores -= largest
    np.exp(scores, out=scores)
    total = np.einsum("...k->...", scores)[..., None] if axis == -1 else scores.sum(axis=axis, keepdims=True)
    if total.size and not total.min() > 0:                                  # every total is at least exp(0), unless it is NaN
        nothing = largest == -np.inf                                        # a row of all -inf: weights of zero
        np.copyto(scores, 0, where=nothing)
        total[nothing] = 1
        if np.isnan(total).any():
            raise ValueError("scores must be finite or -inf, and some are NaN or +inf")
    return total


def share(work, pieces, multiplications):
    """Run work(pieces) on every thread; each takes its next piece from the one list, until none is left."""
    others = n_threads - 1 if multiplications >= WORTH_SHARING and len(pieces) > 1 else 0
    pieces = iter(pieces)
    running = [_pool(os.getpid()).submit(work, pieces) for _ in range(others)]
    try:
        work(pieces)
    finally:
        for each in running:
            each.result()


@cache
def _pool(process):                                                         # a forked process has to make its own
    return ThreadPoolExecutor(max(n_threads - 1, 1), thread_name_prefix="attention")


def tiles(matrix):
    """Cut a matrix (d, columns) into (n_tiles, d, width): each tile lies in one piece of memory."""
    d, columns = matrix.shape
    width = max((w for w in range(WIDTH // 4, WIDTH + 1) if columns % w == 0), default=columns)
    return np.ascontiguousarray(matrix.reshape(d, columns // width, width).swapaxes(0, 1))


def times_tiles(x, matrix, dtype):
    """x @ matrix in numbers of one type, for a matrix that tiles() has cut: (..., n, d) gives (..., n, columns)."""
    n_tiles, d, width = matrix.shape
    words = np.ascontiguousarray(x, dtype).reshape(-1, d)
    matrix = matrix.astype(dtype, copy=False)
    output = np.empty((len(words), n_tiles, width), dtype)
    if words.size * width <= SMALL:
        np.matmul(words, matrix, out=output.swapaxes(0, 1))
    else:
        step = max(len(words) // (4 * n_threads) // 16 * 16, 16) if n_threads > 1 else len(words)

        def work(pieces):
            for piece in pieces:
                _grid_product(words[piece], matrix, output[piece])

        share(work, [slice(row, row + step) for row in range(0, len(words), step)], len(words) * matrix.size)
    return output.reshape(*x.shape[:-1], n_tiles * width)


def is_long(queries, keys, need_weights):
    """Whether blocks are faster than the lines of the textbook, or save the memory of the scores."""
    n_queries, n_keys = queries.shape[-2], keys.shape[-2]
    long = MEDIUM if n_threads > 1 or not need_weights else LONG
    return n_keys >= long and n_queries * n_keys >= long * long


def attend(queries, keys, values, mask, need_weights, output=None):
    """softmax(queries keysᵀ) values in blocks: the lines of helpers.attention._attend, for some rows at a time.

    Without weights every thread keeps one block of scores and uses it again, so that memory grows with
    n_keys, and it is the output's rows that are divided by the totals: they are shorter than the weights' rows.
    """
    of_scores = np.broadcast_shapes(*(x.shape[:-2] for x in (queries, keys, mask) if x is not None))
    of_output = np.broadcast_shapes(of_scores, values.shape[:-2])
    leading = of_output or (1,)
    (n_queries, n_keys), dtype = (queries.shape[-2], keys.shape[-2]), queries.dtype
    queries, keys, values = (np.broadcast_to(x, (*leading, *x.shape[-2:])) for x in (queries, keys, values))
    if mask is not None:
        mask = np.broadcast_to(mask, (*leading, n_queries, n_keys))
    if output is None:
        output = np.empty((*leading, n_queries, values.shape[-1]), dtype)
    weights = np.empty((*leading, n_queries, n_keys), dtype) if need_weights else None
    rows = min(max(BLOCK // n_keys, 16), n_queries)
    heads = min(max(BLOCK // (n_keys * rows), 1), leading[-1])
    pieces = [(*batch, slice(head, head + heads), slice(row, row + rows))
              for batch in np.ndindex(*leading[:-1])
              for head in range(0, leading[-1], heads)
              for row in range(0, n_queries, rows)]
    keys_across = _tiles_across(keys)

    def work(pieces):
        scratch = None if need_weights else np.empty((heads, rows, n_keys), dtype)
        for piece in pieces:
            of_heads, some_queries, some_output = piece[:-1], queries[piece], output[piece]
            scores = weights[piece] if need_weights else scratch[:len(some_queries), :some_queries.shape[1]]
            for columns, keys_part in keys_across:
                _grid_product(some_queries, keys_part[of_heads], _cut(scores[..., columns], -1, keys_part.shape[-1]))
            if mask is not None:
                np.copyto(scores, -np.inf, where=~mask[piece])
            totals = exponentials_in_place(scores)
            if need_weights:
                scores /= totals
            _long_product(scores, values[of_heads], some_output)
            if not need_weights:
                some_output /= totals

    share(work, pieces, output.size * n_keys)
    if need_weights and of_scores != leading:                               # axes that only the values have: the weights are the same along them
        once = [slice(size) for size in (1,) * (len(leading) - len(of_scores)) + of_scores]
        weights = weights[tuple(once)].reshape(*of_scores, n_queries, n_keys)
    return output.reshape(*of_output, *output.shape[-2:]), weights


def _tiles_across(keys):
    """The transposed keys in tiles (..., n_tiles, d_k, width), each with the columns of the scores that it fills.

    Written out once, because OpenBLAS multiplies by a transposed view at two thirds of the speed.
    """
    n_keys, d_k = keys.shape[-2:]
    width = max(SMALL // (64 * d_k) // 16 * 16, 16)
    whole = n_keys - n_keys % width
    return [(slice(start, stop), np.ascontiguousarray(_cut(keys[..., start:stop, :], -2, size).swapaxes(-1, -2)))
            for start, stop, size in ((0, whole, width), (whole, n_keys, n_keys - whole)) if start < stop]


def _long_product(a, b, out):
    """Write a @ b into out where the axis that is summed is long: sums over pieces of it, then the sum of those."""
    n, whole = a.shape[-2], a.shape[-1] - a.shape[-1] % PIECE
    if not whole:
        return _grid_product(a, b[..., None, :, :], out[..., :, None, :])
    parts = np.empty((*a.shape[:-2], whole // PIECE, n, b.shape[-1]), a.dtype)
    _grid_product(_cut(a[..., :whole], -1, PIECE).swapaxes(-2, -3), _cut(b[..., :whole, :], -2, PIECE)[..., None, :, :], parts[..., :, None, :])
    parts.sum(axis=-3, out=out)
    if whole < a.shape[-1]:
        out += a[..., whole:] @ b[..., whole:, :]


def _grid_product(a, b, out):
    """Write a @ b into out, which has the axis of b's columns cut in tiles, as a grid of small products.

    a: (..., n, d)    b: (..., n_tiles, d, width)    out: (..., n, n_tiles, width)
    """
    n, (d, width) = a.shape[-2], b.shape[-2:]
    rows = SMALL // (d * width)
    if rows < 16 or n <= rows:                                              # too large for a grid, or small already
        rows = n
    else:
        rows -= rows % 16
    whole = n - n % rows
    for start, stop, height in ((0, whole, rows), (whole, n, n - whole)):
        if start < stop:
            np.matmul(_cut(a[..., start:stop, :], -2, height)[..., None, :, :, :], b[..., :, None, :, :],
                      out=np.moveaxis(_cut(out[..., start:stop, :, :], -3, height), -2, -4))


def _cut(x, axis, size):
    """Cut one axis into pieces of one size: (..., n, ...) gives (..., n / size, size, ...), a view."""
    axis %= x.ndim
    return x.reshape(*x.shape[:axis], -1, size, *x.shape[axis + 1:])
