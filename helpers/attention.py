"""Attention: softmax(QKᵀ / √d_k) V, its masks, and several heads of it side by side.

n_queries and n_keys count words; n is either. A word vector has d_model numbers, a query or a key d_k, and a
value d_v. "..." stands for any leading axes, such as a batch; they broadcast. Floats keep their type (float16
is computed in float32), and whole numbers become float64. A wrong argument raises a TypeError or a ValueError
with a sentence from helpers/validate.py. helpers/fast.py has the same functions, made fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from helpers import validate

TINY = np.finfo(np.float32).tiny  # too small to change any sum but 0


def softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Turn scores into weights that are positive and sum to 1 along one axis.

    The largest score of each row is subtracted first: the weights stay the same, and exp can't overflow. In a
    row in which every score is -inf there is nothing to choose from: its weights are 0, not NaN.

    scores: any shape, finite or -inf; the weights have the same shape

    >>> softmax(np.array([14.0, 12.0])).round(4)
    array([0.8808, 0.1192])
    """
    scores, dtype = validate.scores(scores, axis)
    scores, largest = validate.within_reach(scores, scores.max(axis=axis, keepdims=True))
    exponentials = np.exp(scores - largest)
    total = exponentials.sum(axis=axis, keepdims=True, initial=TINY)
    return (exponentials / total).astype(dtype, copy=False)


def scaled_dot_product_attention(queries, keys, values, mask=None, scale=None, need_weights=True):
    """softmax(Q Kᵀ / √d_k) V: weigh the values by how well each query fits each key (Vaswani 2017, eq. 1).

    queries, keys, values: (..., n_queries, d_k), (..., n_keys, d_k), (..., n_keys, d_v)
    mask:    boolean, True = may attend; broadcasts to (..., n_queries, n_keys), so one for padding must have
             the shape that padding_mask returns. A query that may attend to nothing gets weights of 0
    scale:   what the scores are multiplied by; 1/√d_k unless given
    returns: output (..., n_queries, d_v), weights (..., n_queries, n_keys) or, unless need_weights, None

    >>> q, k = np.array([[8.0, 4, 4]]), np.array([[8.0, 6, 6], [6, 6, 6]])
    >>> output, weights = scaled_dot_product_attention(q, k, values=np.eye(2), scale=1 / 8)
    >>> weights.round(4)
    array([[0.8808, 0.1192]])
    """
    queries, keys, values, mask, dtype = validate.attention(queries, keys, values, mask)
    scale = 1 / math.sqrt(keys.shape[-1]) if scale is None else validate.finite_number(scale, "scale")
    scores = queries @ keys.swapaxes(-1, -2) * scale  # (..., n_queries, n_keys)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores)
    output = weights @ values  # (..., n_queries, d_v)
    return output.astype(dtype, copy=False), weights.astype(dtype, copy=False) if need_weights else None


def causal_mask(n_queries: int, n_keys: int | None = None) -> np.ndarray:
    """Each word may attend to itself and to the words before it. The last query sees every key.

    returns: (n_queries, n_keys), boolean, True = may attend

    >>> causal_mask(3).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    n_queries = validate.count(n_queries, "n_queries")
    n_keys = n_queries if n_keys is None else validate.count(n_keys, "n_keys")
    return np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)


def padding_mask(lengths, n_keys: int) -> np.ndarray:
    """The words after the end of a sentence are padding: no word may attend to them.

    lengths: one whole number, or (batch,): how many of the n_keys words are real
    returns: (1, n_keys) or (batch, 1, n_keys), boolean, True = may attend

    >>> padding_mask([3, 1], n_keys=3).astype(int)[:, 0]
    array([[1, 1, 1],
           [1, 0, 0]])
    """
    n_keys = validate.count(n_keys, "n_keys")
    return np.arange(n_keys) < validate.lengths(lengths, n_keys)[..., None, None]


def split_heads(x: np.ndarray, n_heads: int) -> np.ndarray:
    """Cut the columns of x (..., n, d_model) into heads: (..., n_heads, n, d_model / n_heads), a view.

    >>> split_heads(np.arange(8).reshape(2, 4), n_heads=2).tolist()
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    """
    x, d_k = validate.head_size(x, n_heads)
    return x.reshape(*x.shape[:-1], n_heads, d_k).swapaxes(-2, -3)


def merge_heads(heads: np.ndarray) -> np.ndarray:
    """Put heads (..., n_heads, n, d_k) side by side: (..., n, n_heads · d_k). The inverse of split_heads."""
    heads = validate.head_vectors(heads)
    *leading, n_heads, n, d_k = heads.shape
    return heads.swapaxes(-2, -3).reshape(*leading, n, n_heads * d_k)


@dataclass(frozen=True, eq=False)
class MultiHeadAttention:
    """Several attentions at once, and a matrix that mixes what they found (Vaswani 2017, section 3.2.2).

    Head i owns the columns i·d_k to (i+1)·d_k of w_q and w_k, the columns i·d_v to (i+1)·d_v of w_v, and the
    same rows of w_o. d_model need not be n_heads · d_k. The matrices are kept as read-only copies.

    w_q, w_k, w_v: (d_model, n_heads · d_k) twice, (d_model, n_heads · d_v)
    w_o:           (n_heads · d_v, d_model)

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
    d_model: int = field(init=False, repr=False)
    d_k: int = field(init=False, repr=False)
    d_v: int = field(init=False, repr=False)
    n_parameters: int = field(init=False, repr=False)

    def __post_init__(self):
        for name, value in validate.matrices(**vars(self)).items():
            object.__setattr__(self, name, value)

    def __call__(self, x, context=None, mask=None, need_weights=True):
        """Run every head on x and mix what they found.

        x, context: (..., n_queries, d_model), (..., n_keys, d_model); the context is x unless given
        mask:       (..., n_queries, n_keys), or, with one axis more than x has, a mask for each head
        returns:    output (..., n_queries, d_model), weights (..., n_heads, n_queries, n_keys) or None
        """
        x, context, mask, dtype = validate.words(self, x, context, mask)
        q, k, v = x @ self.w_q, context @ self.w_k, context @ self.w_v  # project
        q, k, v = split_heads(q, self.n_heads), split_heads(k, self.n_heads), split_heads(v, self.n_heads)
        found, weights = scaled_dot_product_attention(q, k, v, mask)  # attend, every head for itself
        output = merge_heads(found) @ self.w_o  # merge, and mix
        return output.astype(dtype, copy=False), weights.astype(dtype, copy=False) if need_weights else None

    def project(self, x, context=None):
        """Queries of x, keys and values of context or x: each (..., n_heads, n, d_k or d_v)."""
        x, context, _, dtype = validate.words(self, x, context)
        parts = x @ self.w_q, context @ self.w_k, context @ self.w_v
        return tuple(split_heads(part, self.n_heads).astype(dtype, copy=False) for part in parts)

    def heads(self, x, context=None, mask=None):
        """What each head adds to the output, whose sum is the output: (..., n_heads, n_queries, d_model)."""
        x, context, mask, dtype = validate.words(self, x, context, mask)
        found, _ = scaled_dot_product_attention(*self.project(x, context), mask)
        return (found @ self.w_o.reshape(self.n_heads, self.d_v, self.d_model)).astype(dtype, copy=False)

    @classmethod
    def random(cls, d_model, n_heads, rng, d_k=None, d_v=None):
        """Matrices drawn from rng, of variance 1 / rows; d_k and d_v are d_model / n_heads unless given."""
        d_model, n_heads, d_k, d_v = validate.sizes(d_model, n_heads, d_k, d_v)
        shapes = [(d_model, n_heads * d) for d in (d_k, d_k, d_v)] + [(n_heads * d_v, d_model)]
        rng = validate.generator(rng)
        return cls(*(rng.standard_normal(shape) / math.sqrt(shape[0]) for shape in shapes), n_heads)


@dataclass(frozen=True)
class Explanation:
    """How one weight comes about: it is exp(gap) / total."""

    score: float  # q · k
    scaled: float  # the score times the scale
    gap: float  # scaled minus the largest of its row; -inf if the mask hides the key
    total: float  # the sum of exp(gap) over the row
    weight: float
    allowed: bool


def explain_weight(queries, keys, i: int, j: int, mask=None, scale=None) -> Explanation:
    """Follow the weight of query i for key j, in one head, from q · k to the softmax.

    queries, keys: (n_queries, d_k), (n_keys, d_k); mask and scale as in scaled_dot_product_attention

    >>> explain_weight([[8, 4, 4]], [[8, 6, 6], [6, 6, 6]], i=0, j=1, scale=1 / 8)
    Explanation(score=96.0, scaled=12.0, gap=-2.0, total=1.135..., weight=0.119..., allowed=True)
    """
    queries, keys, mask, scale = validate.one_head(queries, keys, i, j, mask, scale)
    scores = queries[i] @ keys.T  # (n_keys,)
    row = np.where(mask[i], scores * scale, -np.inf)
    gaps = row - max(row.max(), np.finfo(row.dtype).min)  # not NaN if every key is hidden
    steps = scores[j], scores[j] * scale, gaps[j], np.exp(gaps).sum(), softmax(row)[j]
    score, scaled, gap, total, weight = map(float, steps)
    return Explanation(score, scaled, gap, total, weight, allowed=bool(mask[i, j]))
