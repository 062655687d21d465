"""Attention once more, in plain Python lists and loops: what the tests compare the core with.

A matrix is a list of rows. Nothing here is shared with helpers/attention.py: no
matrix product, no reshape, no broadcasting inside a sentence. Only the two
functions at the end take arrays, and cut them into one sentence after the other.
"""

import math

import numpy as np


def product(a, b):
    """The matrix product: every row of a against every column of b."""
    return [
        [math.fsum(x * row[j] for x, row in zip(line, b, strict=True)) for j in range(len(b[0]))]
        for line in a
    ]


def softmax(row):
    largest = max(row)
    if largest == -math.inf:
        return [0.0 for _ in row]
    powers = [math.exp(score - largest) for score in row]
    total = math.fsum(powers)
    return [power / total for power in powers]


def attention(queries, keys, values, mask=None, scale=None):
    """Output and weights of one sentence; mask[i][j] says whether query i may attend to key j."""
    if scale is None:
        scale = 1 / math.sqrt(len(keys[0]))
    output, weights = [], []
    for i, query in enumerate(queries):
        scores = []
        for j, key in enumerate(keys):
            dot = math.fsum(q * k for q, k in zip(query, key, strict=True))
            scores.append(dot * scale if mask is None or mask[i][j] else -math.inf)
        row = softmax(scores)
        weights.append(row)
        output.append(
            [
                math.fsum(w * value[c] for w, value in zip(row, values, strict=True))
                for c in range(len(values[0]))
            ]
        )
    return output, weights


def columns(matrix, start, stop):
    return [row[start:stop] for row in matrix]


def multi_head(x, context, w_q, w_k, w_v, w_o, n_heads, masks=None):
    """Head by head, then side by side, then mixed; masks holds one mask a head.

    returns: output, the weights of every head, and what every head alone writes into the output
    """
    d_k, d_v = len(w_q[0]) // n_heads, len(w_v[0]) // n_heads
    side_by_side = [[] for _ in x]
    weights, writes = [], []
    for head in range(n_heads):
        values, head_weights = attention(
            product(x, columns(w_q, head * d_k, (head + 1) * d_k)),
            product(context, columns(w_k, head * d_k, (head + 1) * d_k)),
            product(context, columns(w_v, head * d_v, (head + 1) * d_v)),
            None if masks is None else masks[head],
        )
        weights.append(head_weights)
        writes.append(product(values, w_o[head * d_v : (head + 1) * d_v]))
        for line, found in zip(side_by_side, values, strict=True):
            line.extend(found)
    return product(side_by_side, w_o), weights, writes


def attention_of_arrays(queries, keys, values, mask=None, scale=None):
    """The same for arrays with leading axes: a loop over the sentences."""
    queries, keys, values = np.asarray(queries), np.asarray(keys), np.asarray(values)
    n_queries, n_keys = queries.shape[-2], keys.shape[-2]
    mask = np.broadcast_to(
        True if mask is None else mask, np.broadcast_shapes(np.shape(mask), (n_queries, n_keys))
    )
    leading = np.broadcast_shapes(*(a.shape[:-2] for a in (queries, keys, values, mask)))
    queries, keys, values, mask = (
        np.broadcast_to(a, leading + a.shape[-2:]) for a in (queries, keys, values, mask)
    )
    output, weights = (
        np.empty(leading + (n_queries, values.shape[-1])),
        np.empty(leading + (n_queries, n_keys)),
    )
    for i in np.ndindex(leading):
        output[i], weights[i] = attention(
            queries[i].tolist(), keys[i].tolist(), values[i].tolist(), mask[i].tolist(), scale
        )
    return output, weights


def multi_head_of_arrays(w_q, w_k, w_v, w_o, n_heads, x, context=None, mask=None):
    """The same for arrays with leading axes; a mask has the shape (..., n_heads, n_queries, n_keys)."""
    context = x if context is None else context
    n_queries, n_keys = x.shape[-2], context.shape[-2]
    mask = np.ones((n_heads, n_queries, n_keys), bool) if mask is None else mask
    leading = np.broadcast_shapes(x.shape[:-2], context.shape[:-2], mask.shape[:-3])
    x, context = (np.broadcast_to(a, leading + a.shape[-2:]) for a in (x, context))
    mask = np.broadcast_to(mask, leading + (n_heads, n_queries, n_keys))
    output = np.empty(leading + (n_queries, w_o.shape[1]))
    weights = np.empty(leading + (n_heads, n_queries, n_keys))
    writes = np.empty(leading + (n_heads, n_queries, w_o.shape[1]))
    matrices = [matrix.tolist() for matrix in (w_q, w_k, w_v, w_o)]
    for i in np.ndindex(leading):
        output[i], weights[i], writes[i] = multi_head(
            x[i].tolist(), context[i].tolist(), *matrices, n_heads, mask[i].tolist()
        )
    return output, weights, writes
