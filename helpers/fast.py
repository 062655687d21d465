"""The functions and the layer of helpers/attention.py under the same names, made fast.

    layer = fast.MultiHeadAttention.of(layer)

The answers are the same up to rounding: tests/test_fast.py compares thousands of random cases. What each idea
buys, measured one by one on one core, in float32, with the OpenBLAS of NumPy and d_model = 512:

    idea                                             instead of              gain
    W_Q, W_K, W_V side by side, one product          three products          1.2 times at 64 words
    that product as (Wᵀ xᵀ)ᵀ: OpenBLAS copies less   x W                     1.2 times at 64 words
    for 2 to 16 words, W in tiles: nothing copied    x W                     1.7 to 3.5 times
    scores in blocks that stay in a core's cache     all scores at once      1636 to 52 MB at 4096 words
    products of 64 by 64 by 128: a kernel for        one product a head      1.3 times: 199 instead of
      small matrices, which copies nothing                                   150 billion operations a second
    no maximum, if ‖q‖·‖k‖ says that exp won't       subtracting it          0.4 of 2.2 ns per score
      overflow
    2ˣ with log₂ e in the scale, where it's quicker  eˣ                      0.17 of 0.34 ns per score
    two threads, each taking the next block          one thread              see the table

benchmarks/README.md shows what they make together, beside PyTorch and ONNX Runtime.
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
GROUP, TILE = 64, 128  # queries and keys in one small product, at most
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
    totals = np.einsum("...k->...", scores)[..., None]  # faster than sum
    scores /= np.maximum(totals, attention.TINY)
    return scores @ values, scores  # (..., n_queries, d_v)


def _subtract_largest(scores, axes=-1):
    """In place, so that no exponential is too large; scores that are NaN or infinite are refused."""
    within, largest = validate.within_reach(scores, scores.max(axis=axes, keepdims=True))
    np.subtract(within, largest, out=scores)


def _attend_in_blocks(queries, keys, values, mask, scale, need_weights):
    """The same for one block after the other, shared by the threads.

    A block holds the scores of some heads and of some groups of queries, for all keys, tile by tile: so every
    product is small and its parts lie in one piece. Queries and keys are filled up with zeros until all
    groups and all tiles have one size.
    """
    of_scores = np.broadcast_shapes(*(x.shape[:-2] for x in (queries, keys, mask) if x is not None))
    of_output = np.broadcast_shapes(of_scores, values.shape[:-2])
    *batch, n_heads = leading = of_output or (1,)
    (n_queries, d_k), (n_keys, d_v), dtype = queries.shape[-2:], values.shape[-2:], queries.dtype
    n_tiles, width = _even(n_keys, min(TILE, max(SMALL // (GROUP * max(d_k, d_v, 1)), 16)))
    n_groups, height = _even(n_queries, min(GROUP, max(BLOCK // (n_tiles * width), 16)))

    power, unit = _quickest_power(dtype)
    queries = queries * (scale * unit)
    flat = _longest(queries) * _longest(keys) <= FLAT  # no score is larger than the product of the lengths
    queries = _cut(queries, n_groups, height)  # (..., n_groups, height, d_k)
    keys = np.ascontiguousarray(_cut(keys, n_tiles, width).swapaxes(-1, -2))  # (..., n_tiles, d_k, width)
    values = np.ascontiguousarray(_cut(values, n_tiles, width))  # (..., n_tiles, width, d_v)
    queries, keys, values = (np.broadcast_to(x, (*leading, *x.shape[-3:])) for x in (queries, keys, values))
    if mask is not None:
        mask = np.broadcast_to(mask, (*leading, n_queries, n_keys))

    side_by_side = np.empty(
        (*batch, n_groups * height, n_heads, d_v), dtype
    )  # as the last product wants them
    output = _cut(side_by_side.swapaxes(-2, -3), n_groups, height)  # (..., n_heads, n_groups, height, d_v)
    weights = np.empty((*leading, n_groups * height, n_tiles * width) if need_weights else 0, dtype)

    score = height * n_tiles * width  # scores of one group
    groups = max(min(BLOCK // score, n_groups), 1)
    heads = max(min(BLOCK // (score * groups), n_heads), 1)
    pieces = [
        (*place, slice(head, head + heads), slice(group, group + groups))
        for place in np.ndindex(*batch)
        for head in range(0, n_heads, heads)
        for group in range(0, n_groups, groups)
    ]
    ones = np.ones(width, dtype)

    def work(pieces: Iterator) -> None:
        block = np.empty((heads, groups, n_tiles, height, width), dtype)
        parts = np.empty((heads, groups, n_tiles, height, d_v), dtype)
        for *of_heads, some in pieces:
            head = tuple(of_heads)
            some_queries, some_output = queries[(*head, some)], output[(*head, some)]
            n, m = some_queries.shape[:2]
            scores = np.matmul(some_queries[:, :, None], keys[head][:, None], out=block[:n, :m])
            if mask is not None:
                rows = slice(some.start * height, (some.start + m) * height)
                _hide(scores, mask[(*head, rows)])
            elif n_tiles * width > n_keys:
                scores[:, :, -1, :, n_keys - n_tiles * width :] = -np.inf
            if not flat:
                _subtract_largest(scores, axes=(2, 4))
            power(scores, out=scores)
            totals = (scores @ ones).sum(axis=2)[..., None]  # (heads, groups, height, 1)
            np.maximum(totals, attention.TINY, out=totals)
            if need_weights:
                rows = weights[head].reshape(n, n_groups, height, n_tiles, width)[:, some]
                np.divide(scores, totals[:, :, None], out=rows.swapaxes(2, 3))
            some_parts = np.matmul(scores, values[head][:, None], out=parts[:n, :m])
            np.divide(some_parts.sum(axis=2), totals, out=some_output)

    _share(work, pieces, output.size * n_keys)
    output = side_by_side[..., :n_queries, :, :].swapaxes(-2, -3).reshape(*of_output, n_queries, d_v)
    if not need_weights:
        return output, weights
    # The weights are the same along axes that only the values have
    once = [slice(size) for size in (1,) * (len(leading) - len(of_scores)) + of_scores]
    return output, weights[(*once, slice(n_queries), slice(n_keys))].reshape(*of_scores, n_queries, n_keys)


def _even(n, most):
    """How many even pieces of at most `most` it takes to hold n, and their size: for 130 and 128, 2 of 65."""
    pieces = -(-n // most)
    return pieces, -(-n // max(pieces, 1))


def _cut(x, n_pieces, size):
    """Cut (..., n, d) into (..., n_pieces, size, d); the last piece is filled up with zeros."""
    *leading, n, d = x.shape
    if n < n_pieces * size:
        x, given = np.zeros((*leading, n_pieces * size, d), x.dtype), x
        x[..., :n, :] = given
    return x.reshape(*leading, n_pieces, size, d)


def _hide(scores, mask):
    """-inf in a block (heads, groups, tiles, height, width) where mask (heads, queries, keys) is False."""
    heads, groups, tiles, height, width = scores.shape
    allowed = np.zeros((heads, groups * height, tiles * width), bool)
    allowed[:, : mask.shape[1], : mask.shape[2]] = mask
    allowed = allowed.reshape(heads, groups, height, tiles, width).swapaxes(2, 3)
    np.copyto(scores, -np.inf, where=~allowed)


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
