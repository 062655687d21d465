"""What a right answer computes on its way, under the field's names: a diagnosis looks for these in an
answer."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from helpers.attention import softmax, split_heads

__all__ = [
    "Steps",
    "attention",
    "cross_attention",
    "head",
    "multi_head",
    "null_attention",
    "of_softmax",
    "scale",
]

Steps = Callable[..., dict[str, np.ndarray]]


def attention(queries, keys, values, mask=None) -> dict[str, np.ndarray]:
    scores = queries @ keys.swapaxes(-1, -2)
    scaled = scores / math.sqrt(keys.shape[-1])
    found = {"the scores q·k": scores, "the scaled scores": scaled}
    if mask is not None:
        scaled = found["the masked scores"] = np.where(mask, scaled, -np.inf)
    weights = softmax(scaled)
    return {**found, "the weights": weights, "the output": weights @ values}


def null_attention(queries, keys, values) -> dict[str, np.ndarray]:
    scaled = queries @ keys.T / math.sqrt(keys.shape[-1])
    with_null = np.column_stack([scaled, np.zeros(len(scaled))])
    weights = softmax(with_null)
    return {
        "the scores q·k": queries @ keys.T,
        "the scaled scores": scaled,
        "the scores with the null token's": with_null,
        "the weights with the null token's": weights,
        "the weights of the real keys": weights[:, :-1],
        "the output": weights[:, :-1] @ values,
    }


def cross_attention(x, context, w_q, w_k, w_v) -> dict[str, np.ndarray]:
    projected = {"the queries": x @ w_q, "the keys": context @ w_k, "the values": context @ w_v}
    return {**projected, **attention(*projected.values())}


def head(x, w_q, w_k, w_v, head, d_k) -> dict[str, np.ndarray]:
    own = slice(head * d_k, (head + 1) * d_k)
    parts = {f"this head's columns of W_{name}": w[:, own] for name, w in zip("QKV", (w_q, w_k, w_v))}
    projected = {
        f"this head's {name}": x @ w for name, w in zip(("queries", "keys", "values"), parts.values())
    }
    every = {f"all heads' {name}": x @ w for name, w in zip(("queries", "keys", "values"), (w_q, w_k, w_v))}
    return {**parts, **every, **projected, **attention(*projected.values())}


def multi_head(x, w_q, w_k, w_v, w_o, n_heads) -> dict[str, np.ndarray]:
    names = ("queries", "keys", "values")
    every = {f"all heads' {name}": x @ w for name, w in zip(names, (w_q, w_k, w_v))}
    cut = {f"the {name}, split into heads": split_heads(y, n_heads) for name, y in zip(names, every.values())}
    uncut = {
        f"the {name} as (n, n_heads, d_k)": y.reshape(len(x), n_heads, -1)
        for name, y in zip(names, every.values())
    }
    found = attention(*cut.values())
    found["the heads' outputs"] = heads = found.pop("the output")
    merged = heads.swapaxes(0, 1).reshape(len(x), -1)
    return {**every, **uncut, **cut, **found, "the merged heads": merged, "the output": merged @ w_o}


def of_softmax(scores) -> dict[str, np.ndarray]:
    largest = scores.max(axis=-1, keepdims=True)
    raised = np.exp(scores - largest)
    total = raised.sum(axis=-1, keepdims=True)
    return {
        "each row's largest score": largest,
        "the scores minus each row's largest": scores - largest,
        "their exponentials": raised,
        "the sum of each row's exponentials": total,
        "the weights": raised / total,
    }


def scale(scores, d_k) -> dict[str, np.ndarray]:
    return {"√d_k": np.sqrt(float(d_k)), "the scaled scores": scores / math.sqrt(d_k)}
