"""Attention in NumPy, from one softmax to multi-head attention.

Shapes are written with one set of symbols everywhere:

    n_queries, n_keys   how many words ask, how many are looked at
    d_model             numbers in one word vector
    d_k, d_v            numbers in one query or key, and in one value
    n_heads             heads side by side
    ...                 any leading axes, such as a batch; they broadcast

A row of weights belongs to one query and sums to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from helpers import fast

__all__ = [
    "softmax", "scaled_dot_product_attention", "causal_mask", "padding_mask",
    "split_heads", "merge_heads", "MultiHeadAttention",
]


def softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Turn scores into weights that are positive and sum to 1 along one axis.

    The largest score of each row is subtracted first. That changes nothing in
    the result and keeps exp from overflowing. A row in which every score is
    -inf has nothing to choose from: its weights are all zero, not NaN.

    scores: any shape, finite or -inf
    returns: the shape of scores; float16, float32 and float64 are kept, integers become float64

    >>> softmax(np.array([14.0, 12.0])).round(4)
    array([0.8808, 0.1192])
    """
    scores = _numbers(scores, "scores")
    if scores.ndim == 0:
        raise ValueError("softmax needs at least one axis of scores, and got a single number")
    if isinstance(axis, (bool, np.bool_)) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"axis must be a whole number, and got {axis!r}")
    if not -scores.ndim <= axis < scores.ndim:
        raise ValueError(f"axis {axis} does not exist: the scores have shape {scores.shape}")
    if scores.shape[axis] == 0:
        raise ValueError(f"there is nothing to choose from: axis {axis} of shape {scores.shape} is empty")
    weights = np.array(scores, dtype=_working_type(scores.dtype), order="C")  # a copy: the input stays as it is
    fast.softmax_in_place(weights, axis)
    return weights.astype(scores.dtype, copy=False)


def scaled_dot_product_attention(queries, keys, values, mask=None, scale=None, need_weights=True):
    """softmax(Q Kᵀ / √d_k) V: every query looks at every key and takes a weighted sum of the values.

    A mask is boolean, and True means *may attend*. A query that may attend to
    nothing gets weights of zero and an output of zero.

    queries: (..., n_queries, d_k)
    keys:    (..., n_keys, d_k)
    values:  (..., n_keys, d_v)
    mask:    broadcasts to (..., n_queries, n_keys), boolean
    scale:   what the scores are multiplied by; 1/√d_k unless given
    need_weights: False gives None for the weights. They are then never all in memory at once:
             the memory needed grows with n_keys, not with n_queries · n_keys
    returns: output (..., n_queries, d_v) and weights (..., n_queries, n_keys)

    Source: Vaswani et al. 2017, equation 1.

    >>> q, k = np.array([[8.0, 4, 4]]), np.array([[8.0, 6, 6], [6, 6, 6]])
    >>> output, weights = scaled_dot_product_attention(q, k, values=np.eye(2), scale=1 / 8)
    >>> weights.round(4)
    array([[0.8808, 0.1192]])
    """
    queries, keys, values = _numbers(queries, "queries"), _numbers(keys, "keys"), _numbers(values, "values")
    leading = _check_attention_shapes(queries, keys, values)
    scale = _scale(scale, queries.shape[-1])
    if mask is not None:
        mask = _mask(mask, (*leading, queries.shape[-2], keys.shape[-2]))
    result_type = np.result_type(queries, keys, values)
    working_type = _working_type(result_type)
    queries, keys, values = (x.astype(working_type, copy=False) for x in (queries, keys, values))
    output, weights = _attend(queries * working_type.type(scale), keys, values, mask, need_weights)
    return output.astype(result_type, copy=False), weights.astype(result_type, copy=False) if need_weights else None


def _attend(queries, keys, values, mask, need_weights, output=None):
    """The formula. The queries come scaled: those are n_queries · d_k numbers, the scores n_queries · n_keys."""
    if fast.is_long(queries, keys, need_weights):
        return fast.attend(queries, keys, values, mask, need_weights, output)
    scores = queries @ keys.swapaxes(-1, -2)                                # (..., n_queries, n_keys)
    if mask is not None:
        scores = np.where(mask, scores, scores.dtype.type(-np.inf))
    weights = fast.softmax_in_place(scores)
    return np.matmul(weights, values, out=output), weights                  # (..., n_queries, d_v)


def causal_mask(n_queries: int, n_keys: int | None = None) -> np.ndarray:
    """Each word may attend to itself and to the words before it.

    With more keys than queries the queries are the last words: the last query
    sees every key.

    returns: (n_queries, n_keys), boolean, True = may attend

    >>> causal_mask(3).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    n_queries = _count(n_queries, "n_queries")
    n_keys = n_queries if n_keys is None else _count(n_keys, "n_keys")
    return np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)


def padding_mask(lengths, n_keys: int) -> np.ndarray:
    """The words after the end of a sentence are padding: nobody may attend to them.

    lengths: one whole number, or (batch,): how many of the n_keys words are real
    returns: (1, n_keys) or (batch, 1, n_keys), boolean, True = may attend

    >>> padding_mask([3, 1], n_keys=3).astype(int)[:, 0]
    array([[1, 1, 1],
           [1, 0, 0]])
    """
    n_keys = _count(n_keys, "n_keys")
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu" or lengths.ndim > 1:
        raise TypeError(f"lengths must be a whole number or a list of them, and got {lengths.dtype} of shape {lengths.shape}")
    if ((lengths < 0) | (lengths > n_keys)).any():
        raise ValueError(f"every length must lie between 0 and n_keys = {n_keys}, and got {lengths.tolist()}")
    return np.arange(n_keys) < lengths[..., None, None]


def split_heads(x: np.ndarray, n_heads: int) -> np.ndarray:
    """Cut every word's vector into n_heads pieces and gather each head's pieces.

    x:       (..., n, d_model)
    returns: (..., n_heads, n, d_model / n_heads), a view: no number is moved

    >>> split_heads(np.arange(8).reshape(2, 4), n_heads=2)
    array([[[0, 1],
            [4, 5]],
    <BLANKLINE>
           [[2, 3],
            [6, 7]]])
    """
    x = np.asarray(x)
    n_heads = _count(n_heads, "n_heads")
    if x.ndim < 2:
        raise ValueError(f"x needs the shape (..., n, d_model), and got {x.shape}")
    *leading, n, d_model = x.shape
    if d_model % n_heads:
        raise ValueError(f"{n_heads} heads do not divide d_model = {d_model}: {d_model} / {n_heads} leaves {d_model % n_heads} over")
    return x.reshape(*leading, n, n_heads, d_model // n_heads).swapaxes(-2, -3)


def merge_heads(heads: np.ndarray) -> np.ndarray:
    """Put the heads back side by side: the inverse of split_heads.

    heads:   (..., n_heads, n, d_k)
    returns: (..., n, n_heads · d_k)

    >>> merge_heads(split_heads(np.arange(8).reshape(2, 4), n_heads=2))
    array([[0, 1, 2, 3],
           [4, 5, 6, 7]])
    """
    heads = np.asarray(heads)
    if heads.ndim < 3:
        raise ValueError(f"heads needs the shape (..., n_heads, n, d_k), and got {heads.shape}")
    *leading, n_heads, n, d_k = heads.shape
    return heads.swapaxes(-2, -3).reshape(*leading, n, n_heads * d_k)


@dataclass(frozen=True, eq=False)
class MultiHeadAttention:
    """Several attentions at once, each with its own matrices, and one matrix that mixes them.

    The heads' matrices lie side by side: head i owns the columns i·d_k to
    (i+1)·d_k of w_q and w_k, the columns i·d_v to (i+1)·d_v of w_v, and the rows
    i·d_v to (i+1)·d_v of w_o. d_model need not be n_heads · d_k. The matrices
    are kept as read-only copies.

    w_q, w_k: (d_model, n_heads · d_k)
    w_v:      (d_model, n_heads · d_v)
    w_o:      (n_heads · d_v, d_model)

    Source: Vaswani et al. 2017, section 3.2.2.

    >>> attention = MultiHeadAttention.random(d_model=12, n_heads=3, rng=np.random.default_rng(0))
    >>> output, weights = attention(np.ones((5, 12)))
    >>> output.shape, weights.shape
    ((5, 12), (3, 5, 5))
    """

    w_q: np.ndarray = field(repr=False)
    w_k: np.ndarray = field(repr=False)
    w_v: np.ndarray = field(repr=False)
    w_o: np.ndarray = field(repr=False)
    n_heads: int

    def __post_init__(self):
        object.__setattr__(self, "n_heads", _count(self.n_heads, "n_heads"))
        for name in ("w_q", "w_k", "w_v", "w_o"):
            matrix = np.array(_numbers(getattr(self, name), name))
            if matrix.ndim != 2 or 0 in matrix.shape:
                raise ValueError(f"{name} must be a matrix, and got the shape {matrix.shape}")
            matrix.flags.writeable = False
            object.__setattr__(self, name, matrix)
        if self.w_q.shape != self.w_k.shape:
            raise ValueError(f"w_q and w_k must have one shape, and got {self.w_q.shape} and {self.w_k.shape}")
        if self.w_v.shape[0] != self.w_q.shape[0]:
            raise ValueError(f"w_v must have d_model = {self.w_q.shape[0]} rows, as w_q has, and got the shape {self.w_v.shape}")
        for name, columns in (("w_q", self.w_q.shape[1]), ("w_v", self.w_v.shape[1])):
            if columns % self.n_heads:
                raise ValueError(f"{self.n_heads} heads do not divide the {columns} columns of {name}: {columns} / {self.n_heads} leaves {columns % self.n_heads} over")
        if self.w_o.shape != self.w_v.shape[::-1]:
            raise ValueError(f"w_o must have the shape (n_heads · d_v, d_model) = {self.w_v.shape[::-1]}, and got {self.w_o.shape}")

        tiles = {name: fast.tiles(getattr(self, f"w_{name}")) for name in "qkvo"}
        if self.w_v.shape == self.w_k.shape:
            tiles["qkv"] = np.concatenate([tiles.pop(name) for name in "qkv"])
            tiles.update(zip("qkv", np.split(tiles["qkv"], 3)))
        object.__setattr__(self, "_tiles", tiles)
        object.__setattr__(self, "_type", np.result_type(self.w_q, self.w_k, self.w_v, self.w_o))

    @property
    def d_model(self) -> int:
        return self.w_q.shape[0]

    @property
    def d_k(self) -> int:
        return self.w_q.shape[1] // self.n_heads

    @property
    def d_v(self) -> int:
        return self.w_v.shape[1] // self.n_heads

    @property
    def n_parameters(self) -> int:
        return sum(matrix.size for matrix in (self.w_q, self.w_k, self.w_v, self.w_o))

    def __call__(self, x, context=None, mask=None, need_weights=True):
        """Run every head on x and mix what they found.

        x:       (..., n_queries, d_model)
        context: (..., n_keys, d_model); x itself unless given (cross-attention when given)
        mask:    broadcasts to (..., n_queries, n_keys), the same for every head, or, with one
                 axis more than x, to (..., n_heads, n_queries, n_keys); True = may attend
        need_weights: False gives None for the weights, and long inputs need far less memory
        returns: output (..., n_queries, d_model) and weights (..., n_heads, n_queries, n_keys)
        """
        found, weights, result_type = self._run(x, context, mask, need_weights)
        output = fast.times_tiles(found, self._tiles["o"], found.dtype)
        return output.astype(result_type, copy=False), weights.astype(result_type, copy=False) if need_weights else None

    def heads(self, x, context=None, mask=None):
        """What each head writes into the output: their sum is the output.

        x, context, mask: as for a call
        returns: (..., n_heads, n_queries, d_model)
        """
        found, _, result_type = self._run(x, context, mask, need_weights=False)
        w_o = self.w_o.reshape(self.n_heads, self.d_v, self.d_model).astype(found.dtype, copy=False)
        return (split_heads(found, self.n_heads) @ w_o).astype(result_type, copy=False)

    def project(self, x, context=None):
        """Every head's queries (of x), keys and values (of context, or of x).

        x:       (..., n_queries, d_model)
        context: (..., n_keys, d_model); x itself unless given
        returns: (..., n_heads, n_queries, d_k), (..., n_heads, n_keys, d_k), (..., n_heads, n_keys, d_v)
        """
        x = self._words(x, "x")
        context = x if context is None else self._words(context, "context")
        result_type = np.result_type(x.dtype, context.dtype, self._type)
        return tuple(part.astype(result_type, copy=False) for part in self._project(x, context, _working_type(result_type)))

    def _run(self, x, context, mask, need_weights):
        """What the heads found, side by side: (..., n_queries, n_heads · d_v); their weights; the result's type."""
        x = self._words(x, "x")
        context = x if context is None else self._words(context, "context")
        leading = _leading(x=x, context=context)
        if context.shape[-2] == 0:
            raise ValueError(f"there must be at least one key, and the context has the shape {context.shape}")
        if mask is not None:
            given = np.asarray(mask)
            mask = given[..., None, :, :] if 2 <= given.ndim <= max(x.ndim, context.ndim) else given     # one mask for every head
            mask = _mask(mask, (*leading, self.n_heads, x.shape[-2], context.shape[-2]), given.shape)
            leading = np.broadcast_shapes((*leading, 1), mask.shape[:-2])[:-1]
        result_type = np.result_type(x.dtype, context.dtype, self._type)
        queries, keys, values = self._project(x, context, _working_type(result_type))
        queries *= queries.dtype.type(1 / math.sqrt(self.d_k))
        found = np.empty((*leading, x.shape[-2], self.n_heads * self.d_v), queries.dtype)
        _, weights = _attend(queries, keys, values, mask, need_weights, output=split_heads(found, self.n_heads))
        return found, weights, result_type

    def _project(self, x, context, dtype):
        """Every head's queries, keys and values: (..., n_heads, n, d_k or d_v)."""
        h = self.n_heads
        if x is context and "qkv" in self._tiles:                           # one product for all three
            heads = split_heads(fast.times_tiles(x, self._tiles["qkv"], dtype), 3 * h)
            return heads[..., :h, :, :], heads[..., h:2 * h, :, :], heads[..., 2 * h:, :, :]
        return [split_heads(fast.times_tiles(words, self._tiles[name], dtype), h) for words, name in ((x, "q"), (context, "k"), (context, "v"))]

    def _words(self, x, name):
        x = _numbers(x, name)
        if x.ndim < 2 or x.shape[-1] != self.d_model:
            raise ValueError(f"{name} must have the shape (..., n, d_model = {self.d_model}), and got {x.shape}")
        return x

    @classmethod
    def random(cls, d_model, n_heads, rng, d_k=None, d_v=None):
        """Matrices of random numbers, drawn from rng with variance 1 / (numbers summed).

        d_k and d_v are d_model / n_heads unless given.
        """
        d_model, n_heads = _count(d_model, "d_model"), _count(n_heads, "n_heads")
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy Generator, as np.random.default_rng(0) makes one, and got {type(rng).__name__}")
        if (d_k is None or d_v is None) and d_model % n_heads:
            raise ValueError(f"{n_heads} heads do not divide d_model = {d_model}: {d_model} / {n_heads} leaves {d_model % n_heads} over; give d_k and d_v")
        d_k = d_model // n_heads if d_k is None else _count(d_k, "d_k")
        d_v = d_model // n_heads if d_v is None else _count(d_v, "d_v")

        def matrix(rows, columns):
            return rng.standard_normal((rows, columns)) / math.sqrt(rows)

        return cls(matrix(d_model, n_heads * d_k), matrix(d_model, n_heads * d_k),
                   matrix(d_model, n_heads * d_v), matrix(n_heads * d_v, d_model), n_heads)


def _numbers(x, name):
    x = np.asarray(x)
    if x.dtype.kind == "f":
        return x
    if x.dtype.kind in "iu":
        return x.astype(np.float64)
    kind = {"c": "complex numbers", "b": "booleans"}.get(x.dtype.kind, f"{x.dtype} entries")
    raise TypeError(f"{name} must be real numbers, and got {kind}")


def _working_type(dtype):
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _count(value, name):
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, and got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, and got {value}")
    return int(value)


def _scale(scale, d_k):
    if scale is None:
        return 1 / math.sqrt(d_k)
    kind = "" if isinstance(scale, str) or np.ndim(scale) else np.asarray(scale).dtype.kind
    if isinstance(scale, int) and not isinstance(scale, bool):
        kind = "i"                                                          # however large
    if kind not in ("i", "u", "f"):
        raise TypeError(f"scale must be one number, and got {scale!r}")
    try:
        scale = float(scale)
    except OverflowError:
        raise ValueError("scale must be finite, and got a whole number too large for a float") from None
    if not math.isfinite(scale):
        raise ValueError(f"scale must be finite, and got {scale}")
    return scale


def _mask(mask, shape, given=None):
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"mask must be boolean, True where a query may attend to a key, and got {mask.dtype}; for a mask of 0 and 1 write mask == 1")
    try:
        fits = np.broadcast_shapes(mask.shape, shape)[-2:] == shape[-2:]
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"mask must fit the scores (..., n_queries, n_keys) = {shape}, and got the shape {mask.shape if given is None else given}")
    return mask


def _check_attention_shapes(queries, keys, values):
    for name, x in (("queries", queries), ("keys", keys), ("values", values)):
        if x.ndim < 2:
            raise ValueError(f"{name} must have the shape (..., n, d), and got {x.shape}")
    if queries.shape[-1] != keys.shape[-1]:
        raise ValueError(f"queries and keys must have the same d_k, and got {queries.shape[-1]} and {keys.shape[-1]}")
    if keys.shape[-2] != values.shape[-2]:
        raise ValueError(f"every key needs a value, and there are {keys.shape[-2]} keys and {values.shape[-2]} values")
    if keys.shape[-2] == 0 or keys.shape[-1] == 0:
        raise ValueError(f"there must be at least one key with at least one number, and keys have the shape {keys.shape}")
    return _leading(queries=queries, keys=keys, values=values)


def _leading(**arrays):
    shapes = {x.shape[:-2] for x in arrays.values()}
    try:
        return shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError("the leading axes do not broadcast: " + ", ".join(f"{name} {x.shape}" for name, x in arrays.items())) from None
