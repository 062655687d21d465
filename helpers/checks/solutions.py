"""One right answer to every exercise, as the learner could have written it.

The solution notebooks hold the same functions, and a test keeps them equal.
"""

from __future__ import annotations

import numpy as np

from helpers.attention import softmax


def my_row_sums(weights):
    return weights.sum(axis=-1)


def my_favourites(weights):
    return weights.argmax(axis=-1)


def my_score(q, k):
    return sum(q_number * k_number for q_number, k_number in zip(q, k))


def my_projections(x, w_q, w_k, w_v):
    return x @ w_q, x @ w_k, x @ w_v


def my_scale(scores, d_k):
    return scores / np.sqrt(d_k)


def my_softmax(scores):
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def my_outputs(weights, values):
    return weights @ values


def my_attention(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(keys.shape[-1])
    return softmax(scores) @ values


def my_masked_attention(queries, keys, values, mask):
    scores = queries @ keys.T / np.sqrt(keys.shape[-1])
    scores = np.where(mask, scores, -np.inf)
    return softmax(scores) @ values


def my_cross_attention(x, context, w_q, w_k, w_v):
    queries, keys, values = x @ w_q, context @ w_k, context @ w_v
    scores = queries @ keys.T / np.sqrt(keys.shape[-1])
    return softmax(scores) @ values


def my_head(x, w_q, w_k, w_v, head, d_k):
    own = slice(head * d_k, (head + 1) * d_k)
    queries, keys, values = x @ w_q[:, own], x @ w_k[:, own], x @ w_v[:, own]
    return softmax(queries @ keys.T / np.sqrt(d_k)) @ values


def my_split(x, n_heads):
    n, d_model = x.shape
    return x.reshape(n, n_heads, d_model // n_heads).swapaxes(0, 1)


def my_merge(heads):
    n_heads, n, d_k = heads.shape
    return heads.swapaxes(0, 1).reshape(n, n_heads * d_k)


def my_multi_head(x, w_q, w_k, w_v, w_o, n_heads):
    n = len(x)
    q, k, v = (part.reshape(n, n_heads, -1).swapaxes(0, 1) for part in (x @ w_q, x @ w_k, x @ w_v))
    weights = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
    found = (weights @ v).swapaxes(0, 1).reshape(n, -1)
    return found @ w_o


def my_writes(found, w_o):
    n_heads, n, d_v = found.shape
    return found @ w_o.reshape(n_heads, d_v, -1)


def my_shares(weights):
    return weights / weights.sum(axis=0)


def my_other_row(row, values):
    centred = np.vstack([values.T, np.ones(len(row))])  # these sums must stay: the output, and 1
    free = np.linalg.svd(centred)[2][-1]  # a direction that changes neither
    step = 0.5 * (row / np.abs(free)).min()  # small enough that no weight gets negative
    return row + step * free


def my_null_attention(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(keys.shape[-1])
    scores = np.column_stack([scores, np.zeros(len(scores))])
    return softmax(scores)[:, :-1] @ values


def my_loss_gradient(scores, target):
    gradient = softmax(scores)
    gradient[target] -= 1
    return gradient


def my_softmax_gradient(weights, d_weights):
    mean = (weights * d_weights).sum(axis=-1, keepdims=True)
    return weights * (d_weights - mean)


def my_query_gradient(d_scores, queries, keys):
    return d_scores @ keys / np.sqrt(keys.shape[-1])
