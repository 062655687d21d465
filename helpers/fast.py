"""The functions and the layer of helpers/attention.py under the same names, made fast.

    layer = fast.MultiHeadAttention.of(layer)

FIGURES
"""

from __future__ import annotations

import math
import os
import sys
import timeit
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from helpers import attention, validate
from helpers.attention import causal_mask, explain_weight, merge_heads, padding_mask, softmax, split_heads

__all__ = [
    "MultiHeadAttention",
    "causal_mask",
    "explain_weight",
    "merge_heads",
    "padding_mask",
    "scaled_dot_product_attention",
    "softmax",
    "split_heads",
]

BLOCK = 2**18  # scores in one block: 1 MB in float32, half of a core's cache
SMALL = 10**6  # multiplications up to which OpenBLAS has a kernel that copies nothing
TILE = 128  # keys in one tile of scores, and in one part of an output's sum
FEW = 16  # words up to which the matrices are cut into tiles
LONG = 2**12  # scores of one head from which on blocks are faster than whole matrices
WORTH_SHARING = 10**7  # multiplications below which a second thread costs more than it saves
FLAT = 60  # powers of 2 that a score may reach before the largest of its row is subtracted


def _processors() -> int:
    if sys.platform == "emscripten":  # Python in the browser has no threads
        return 1
    # What NumPy's products obey
    wanted = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS", "")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(int(wanted), available) if wanted.isdecimal() and int(wanted) else available


n_threads = _processors()  # may be set; results depend on it by rounding at most


def scaled_dot_product_attention(queries, keys, values, mask=None, scale=None, need_weights=True):
    """As in helpers/attention.py. Without weights, memory grows with n_keys, not with n_queries · n_keys."""
    queries, keys, values, mask, dtype = validate.attention(queries, keys, values, mask)
    scale = 1 / math.sqrt(keys.shape[-1]) if scale is None else validate.finite_number(scale, "scale")
    output, weights = _attend(queries, keys, values, mask, scale, need_weights)
    return output.astype(dtype, copy=False), weights.astype(dtype, copy=False) if need_weights else None


class MultiHeadAttention(attention.MultiHeadAttention):
    """The layer of helpers/attention.py, with its matrices kept a second time in the order that is fastest.

    >>> layer = attention.MultiHeadAttention.random(d_model=12, n_heads=3, rng=np.random.default_rng(0))
    >>> x = np.ones((5, 12))
    >>> np.allclose(MultiHeadAttention.of(layer)(x)[0], layer(x)[0])
    True
    """

    @classmethod
    def of(cls, layer: attention.MultiHeadAttention) -> MultiHeadAttention:
        """The same matrices, made fast."""
        return cls(layer.w_q, layer.w_k, layer.w_v, layer.w_o, layer.n_heads)

    def __post_init__(self):
        super().__post_init__()
        working = validate.working_type(self.w_q.dtype)
        w_q, w_k, w_v, w_o = (w.astype(working) for w in (self.w_q, self.w_k, self.w_v, self.w_o))
        matrices = {"q": w_q, "kv": np.hstack([w_k, w_v]), "qkv": np.hstack([w_q, w_k, w_v]), "o": w_o}
        object.__setattr__(self, "_matrices", {name: (w, _tiles(w)) for name, w in matrices.items()})

    def __call__(self, x, context=None, mask=None, need_weights=True):
        """As in helpers/attention.py."""
        found, weights, dtype = self._run(x, context, mask, need_weights)
        output = _times(found, *self._matrices["o"])
        return output.astype(dtype, copy=False), weights.astype(dtype, copy=False) if need_weights else None

    def heads(self, x, context=None, mask=None):
        """As in helpers/attention.py."""
        found, _, dtype = self._run(x, context, mask, need_weights=False)
        w_o = self.w_o.reshape(self.n_heads, self.d_v, self.d_model)
        return (split_heads(found, self.n_heads) @ w_o).astype(dtype, copy=False)

    def project(self, x, context=None):
        """As in helpers/attention.py."""
        x, context, _, dtype = validate.words(self, x, context)
        return tuple(part.astype(dtype, copy=False) for part in self._project(x, context))

    def _run(self, x, context, mask, need_weights):
        """What the heads found, side by side, their weights, and the type of the results."""
        x, context, mask, dtype = validate.words(self, x, context, mask)
        queries, keys, values = self._project(x, context)
        heads, weights = _attend(queries, keys, values, mask, 1 / math.sqrt(self.d_k), need_weights)
        found = heads.swapaxes(-2, -3).reshape(*heads.shape[:-3], x.shape[-2], self.n_heads * self.d_v)
        return found, weights, dtype

    def _project(self, x, context):
        """Every head's queries, keys and values, from one product where they come from the same words."""
        h, d_k, d_v = self.n_heads, self.d_k, self.d_v
        if x is context:
            columns = _times(x, *self._matrices["qkv"])
            queries, rest = columns[..., : h * d_k], columns[..., h * d_k :]
        else:
            queries, rest = _times(x, *self._matrices["q"]), _times(context, *self._matrices["kv"])
        parts = (queries, d_k), (rest[..., : h * d_k], d_k), (rest[..., h * d_k :], d_v)
        return [part.reshape(*part.shape[:-1], h, d).swapaxes(-2, -3) for part, d in parts]


def _tiles(matrix):
    """A matrix (d, columns) cut into (n_tiles, d, width), each in one piece of memory; None if it's small."""
    d, columns = matrix.shape
    if matrix.size * FEW <= SMALL:
        return None
    width = max((w for w in range(16, 65) if columns % w == 0), default=columns)
    return np.ascontiguousarray(matrix.reshape(d, columns // width, width).swapaxes(0, 1))


def _times(x, matrix, tiles):
    """x @ matrix: for a few words tile by tile, which spares OpenBLAS a copy of the matrix, for more words as
    (matrixᵀ xᵀ)ᵀ, which spares it a part of it."""
    n = math.prod(x.shape[:-1])
    if tiles is None:
        return x @ matrix
    words = x.reshape(n, len(matrix))
    if n * n_threads > FEW:
        return (matrix.T @ words.T).T.reshape(*x.shape[:-1], matrix.shape[1])
    n_tiles, _, width = tiles.shape
    output = np.empty((n, n_tiles, width), np.result_type(x, matrix))
    np.matmul(words, tiles, out=output.swapaxes(0, 1))
    return output.reshape(*x.shape[:-1], n_tiles * width)


def _attend(queries, keys, values, mask, scale, need_weights):
    """Output and weights: the lines of helpers/attention.py in place, or blocks if there are many scores."""
    if queries.shape[-2] * keys.shape[-2] >= LONG:
        return _attend_in_blocks(queries, keys, values, mask, scale, need_weights)
    scores = queries @ keys.swapaxes(-1, -2)  # (..., n_queries, n_keys)
    scores *= scale
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    if not np.vdot(scores, scores) <= FLAT**2:  # some score may be large, infinite or NaN
        _subtract_largest(scores)
    np.exp(scores, out=scores)
    scores /= _totals(scores)
    return scores @ values, scores  # (..., n_queries, d_v)


def _subtract_largest(scores):
    within, largest = validate.within_reach(scores, scores.max(axis=-1, keepdims=True))
    np.subtract(within, largest, out=scores)


def _totals(exponentials):
    """The sum of each row, or, where a row holds zeros only, a number to divide it by."""
    totals = np.einsum("...k->...", exponentials)[..., None]  # twice as fast as sum
    return np.maximum(totals, attention.TINY, out=totals)


def _attend_in_blocks(queries, keys, values, mask, scale, need_weights):
    """The same for some rows at a time, shared by the threads.

    Without weights every thread keeps one block of scores and uses it again, and it is the output's rows that
    are divided by the totals: they are shorter than the weights' rows.
    """
    of_scores = np.broadcast_shapes(*(x.shape[:-2] for x in (queries, keys, mask) if x is not None))
    of_output = np.broadcast_shapes(of_scores, values.shape[:-2])
    leading = of_output or (1,)
    (n_queries, n_keys), dtype = (queries.shape[-2], keys.shape[-2]), queries.dtype
    power, unit = _quickest_power(dtype)
    queries = queries * (scale * unit)
    flat = (
        _longest(queries) * _longest(keys) <= FLAT
    )  # no score can be larger than the product of the lengths
    queries, keys, values = (np.broadcast_to(x, (*leading, *x.shape[-2:])) for x in (queries, keys, values))
    if mask is not None:
        mask = np.broadcast_to(mask, (*leading, n_queries, n_keys))
    # Heads are written side by side: words, heads, numbers
    output = np.empty((*leading[:-1], n_queries, leading[-1], values.shape[-1]), dtype).swapaxes(-2, -3)
    weights = np.empty((*(leading if need_weights else [0]), n_queries, n_keys), dtype)
    rows = min(max(BLOCK // n_keys, 16), n_queries)
    heads = max(min(BLOCK // (n_keys * rows), leading[-1]), 1)
    pieces = [
        (*batch, slice(head, head + heads), slice(row, row + rows))
        for batch in np.ndindex(*leading[:-1])
        for head in range(0, leading[-1], heads)
        for row in range(0, n_queries, rows)
    ]
    keys_across = _tiles_across(keys)

    def work(pieces: Iterator) -> None:
        scratch = np.empty((0 if need_weights else heads, rows, n_keys), dtype)
        for piece in pieces:
            of_heads, some_queries, some_output = piece[:-1], queries[piece], output[piece]
            scores = weights[piece] if need_weights else scratch[: len(some_queries), : some_queries.shape[1]]
            for columns, keys_part in keys_across:
                _grid_product(
                    some_queries, keys_part[of_heads], _cut(scores[..., columns], -1, keys_part.shape[-1])
                )
            if mask is not None:
                np.copyto(scores, -np.inf, where=~mask[piece])
            if not flat:
                _subtract_largest(scores)
            power(scores, out=scores)
            totals = _totals(scores)
            if need_weights:
                scores /= totals
            _long_product(scores, values[of_heads], some_output)
            if not need_weights:
                some_output /= totals

    _share(work, pieces, output.size * n_keys)
    if need_weights and of_scores != leading:  # the weights are the same along axes that only the values have
        once = [slice(size) for size in (1,) * (len(leading) - len(of_scores)) + of_scores]
        weights = weights[tuple(once)].reshape(*of_scores, n_queries, n_keys)
    return output.reshape(*of_output, *output.shape[-2:]), weights  # empty ones if none were asked for


def _longest(vectors):
    """The length of the longest vector; NaN if one has no length."""
    return math.sqrt(np.einsum("...d,...d->...", vectors, vectors).max(initial=0))


@cache
def _quickest_power(dtype):
    """2ˣ or eˣ, whichever is quicker, and the x that gives e: NumPy has a fast version of one or of both.

    Which of the two depends on the processor, so both are timed once, which takes a few milliseconds.
    """
    x, out = np.linspace(-9, 9, 2**14, dtype=dtype), np.empty(2**14, dtype)
    ways = {np.exp: 1.0, np.exp2: math.log2(math.e)}
    quickest = min(ways, key=lambda power: min(timeit.repeat(lambda: power(x, out=out), number=1, repeat=20)))
    return quickest, ways[quickest]


def _share(work, pieces, multiplications) -> None:
    """Run work(pieces) on every thread; each takes its next piece from the one list, until none is left."""
    others = n_threads - 1 if len(pieces) > 1 and multiplications >= WORTH_SHARING else 0
    pieces = iter(pieces)
    running = [_pool(os.getpid()).submit(work, pieces) for _ in range(others)]
    try:
        work(pieces)
    finally:
        for each in running:
            each.result()


@cache
def _pool(process):  # a forked process has to make its own
    return ThreadPoolExecutor(max(n_threads - 1, 1), thread_name_prefix="attention")


def _tiles_across(keys):
    """The transposed keys in tiles (..., n_tiles, d_k, width), and the columns of the scores that they fill.

    Written out once, because OpenBLAS multiplies by a transposed view at two thirds of the speed.
    """
    n_keys = keys.shape[-2]
    whole = n_keys - n_keys % TILE
    return [
        (slice(start, stop), np.ascontiguousarray(_cut(keys[..., start:stop, :], -2, size).swapaxes(-1, -2)))
        for start, stop, size in ((0, whole, TILE), (whole, n_keys, n_keys - whole))
        if start < stop
    ]


def _long_product(a, b, out):
    """Write a @ b into out where the axis that is summed is long: sums over pieces of it, then their sum."""
    n, whole = a.shape[-2], a.shape[-1] - a.shape[-1] % TILE
    if not whole:
        return _grid_product(a, b[..., None, :, :], out[..., :, None, :])
    parts = np.empty((*a.shape[:-2], whole // TILE, n, b.shape[-1]), a.dtype)
    some, of_b = _cut(a[..., :whole], -1, TILE).swapaxes(-2, -3), _cut(b[..., :whole, :], -2, TILE)
    _grid_product(some, of_b[..., None, :, :], parts[..., :, None, :])
    parts.sum(axis=-3, out=out)
    if whole < a.shape[-1]:
        out += a[..., whole:] @ b[..., whole:, :]


def _grid_product(a, b, out):
    """Write a @ b into out, which has the axis of b's columns cut in tiles, as a grid of small products.

    a: (..., n, d)    b: (..., n_tiles, d, width)    out: (..., n, n_tiles, width)
    """
    n, (d, width) = a.shape[-2], b.shape[-2:]
    rows = SMALL // (d * width)
    rows = (
        n if rows < 16 or n <= rows else 2 ** (rows.bit_length() - 1)
    )  # too large for a grid, or small already
    whole = n - n % rows
    for start, stop, height in ((0, whole, rows), (whole, n, n - whole)):
        if start < stop:
            np.matmul(
                _cut(a[..., start:stop, :], -2, height)[..., None, :, :, :],
                b[..., :, None, :, :],
                out=np.moveaxis(_cut(out[..., start:stop, :, :], -3, height), -2, -4),
            )


def _cut(x, axis, size):
    """Cut one axis into pieces of one size: (..., n, ...) gives (..., n / size, size, ...), a view."""
    axis %= x.ndim
    return x.reshape(*x.shape[:axis], x.shape[axis] // size, size, *x.shape[axis + 1 :])
