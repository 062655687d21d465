"""What a right answer works out on its way, under the field's names.

A diagnosis looks for these values in a learner's answer. Each function takes an exercise's arguments. A list
holds what a loop or a comprehension works out in turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from helpers.attention import merge_heads, softmax, split_heads

__all__ = [
    "Steps",
    "attention",
    "contributions",
    "cross_attention",
    "head",
    "loss_gradient",
    "merge",
    "multi_head",
    "null_attention",
    "of_softmax",
    "offset_score",
    "projections",
    "pytorch_output",
    "query_gradient",
    "scale",
    "shares",
    "softmax_gradient",
    "split",
    "writes",
]

Steps = dict[str, object]
Stepwise = Callable[..., Steps]
_ROLES = ("queries", "keys", "values")


def attention(queries, keys, values, mask=None) -> Steps:
    d_k = keys.shape[-1]
    scores = queries @ keys.swapaxes(-1, -2)
    scaled = scores / math.sqrt(d_k)
    found: Steps = {"d_k": d_k, "√d_k": math.sqrt(d_k), "the queries": queries, "the keys": keys}
    found |= {"the scores, q · k": scores, "the scaled scores": scaled}
    if mask is not None:
        found["the mask"] = mask
        scaled = found["the masked scores"] = np.where(mask, scaled, -np.inf)
    largest = scaled.max(axis=-1, keepdims=True)
    raised = np.exp(scaled - largest)
    weights = softmax(scaled)
    found |= {"the largest score of each row": largest, "the exponentials": raised}
    found |= {"the sum of each row's exponentials": raised.sum(axis=-1, keepdims=True)}
    return found | {"the weights": weights, "the values": values, "the output": weights @ values}


def null_attention(queries, keys, values) -> Steps:
    found = attention(queries, keys, values)
    scaled = np.asarray(found["the scaled scores"])
    with_null = np.column_stack([scaled, np.zeros(len(scaled))])
    weights = softmax(with_null)
    largest = with_null.max(axis=-1, keepdims=True)
    raised = np.exp(with_null - largest)
    return {
        **{name: found[name] for name in ("d_k", "√d_k", "the scores, q · k", "the scaled scores")},
        "the scores with the null token's 0 beside them": with_null,
        "the exponentials with the null token's": raised,
        "the sum of the exponentials, the null token's among them": raised.sum(axis=-1, keepdims=True),
        "the weights with the null token's": weights,
        "the weights of the real keys": weights[:, :-1],
        "the values": values,
        "the output": weights[:, :-1] @ values,
    }


def projections(x, w_q, w_k, w_v) -> Steps:
    return {"the queries": x @ w_q, "the keys": x @ w_k, "the values": x @ w_v}


def cross_attention(x, context, w_q, w_k, w_v) -> Steps:
    projected = {"the queries": x @ w_q, "the keys": context @ w_k, "the values": context @ w_v}
    return projected | attention(*projected.values())


def head(x, w_q, w_k, w_v, head, d_k) -> Steps:
    own = slice(head * d_k, (head + 1) * d_k)
    columns = [w[:, own] for w in (w_q, w_k, w_v)]
    found: Steps = {"the head's first column": head * d_k, "the head's columns": columns}
    found |= {f"all heads' {name}": x @ w for name, w in zip(_ROLES, (w_q, w_k, w_v))}
    found |= {f"this head's {name}": x @ w for name, w in zip(_ROLES, columns)}
    found["this head's queries, keys and values"] = [x @ w for w in columns]
    found |= attention(*(x @ w for w in columns))
    return found


def multi_head(x, w_q, w_k, w_v, w_o, n_heads) -> Steps:
    every = [x @ w for w in (w_q, w_k, w_v)]
    uncut = [part.reshape(len(x), n_heads, -1) for part in every]
    split = [split_heads(part, n_heads) for part in every]
    inside = attention(*split)
    heads = np.asarray(inside.pop("the output"))
    merged = heads.swapaxes(0, 1).reshape(len(x), -1)
    found: Steps = {"the queries, keys and values of all heads": every}
    found |= {f"the {name} of all heads": part for name, part in zip(_ROLES, every)}
    found |= {"the parts as (n, n_heads, d_k)": uncut, "the queries, keys and values, split": split}
    found |= {f"the {name}, split into heads": part for name, part in zip(_ROLES, split)}
    for name in ("the queries", "the keys", "the values"):
        inside.pop(name)
    return (
        found | inside | {"the heads' outputs": heads, "the merged heads": merged, "the output": merged @ w_o}
    )


def of_softmax(scores) -> Steps:
    largest = scores.max(axis=-1, keepdims=True)
    raised = np.exp(scores - largest)
    total = raised.sum(axis=-1, keepdims=True)
    return {
        "the largest score of each row": largest,
        "the scores minus the largest of their row": scores - largest,
        "the exponentials": raised,
        "the sum of each row's exponentials": total,
        "the weights": raised / total,
    }


def scale(scores, d_k) -> Steps:
    return {"d_k": d_k, "√d_k": math.sqrt(d_k), "the scaled scores": scores / math.sqrt(d_k)}


def split(x, n_heads) -> Steps:
    cut = x.reshape(len(x), n_heads, -1)
    return {
        "n": len(x),
        "n_heads": n_heads,
        "d_k": x.shape[1] // n_heads,
        "x cut to (n, n_heads, d_k)": cut,
        "the heads": cut.swapaxes(0, 1),
    }


def merge(heads) -> Steps:
    swapped = heads.swapaxes(0, 1)
    merged = swapped.reshape(len(swapped), -1)
    return {"the heads as (n, n_heads, d_k)": swapped, "the merged heads": merged}


def writes(found, w_o) -> Steps:
    rows = w_o.reshape(len(found), -1, w_o.shape[-1])
    return {"the first row of each head": [i * found.shape[-1] for i in range(len(found))]} | {
        "each head's rows of W_O": rows,
        "the heads' contributions": found @ rows,
    }


def shares(weights) -> Steps:
    total = weights.sum(axis=0)
    return {"the sum over the heads": total, "the shares": weights / total}


def loss_gradient(scores, target) -> Steps:
    probabilities, one = softmax(scores), np.eye(len(scores))[target]
    return {
        "the probabilities": probabilities,
        "1 at the target, 0 elsewhere": one,
        "the target's probability": probabilities[target],
        "the gradient": probabilities - one,
    }


def softmax_gradient(weights, d_weights) -> Steps:
    mean = (weights * d_weights).sum(axis=-1, keepdims=True)
    return {
        "weights · d_weights": weights * d_weights,
        "the weighted mean of each row": mean,
        "d_weights minus the weighted mean": d_weights - mean,
        "the gradient": weights * (d_weights - mean),
    }


def query_gradient(d_scores, queries, keys) -> Steps:
    d_k = keys.shape[-1]
    return {
        "d_k": d_k,
        "√d_k": math.sqrt(d_k),
        "d_scores @ keys": d_scores @ keys,
        "the gradient": d_scores @ keys / math.sqrt(d_k),
    }


def offset_score(weights, offset) -> Steps:
    diagonal = np.diagonal(weights, offset, -2, -1)
    return {"the weights at that offset": diagonal, "the scores": diagonal.mean(axis=-1)}


def contributions(weights, values, w_o) -> Steps:
    rows = w_o.reshape(len(values), -1, w_o.shape[-1])
    through = values @ rows
    lengths = np.linalg.norm(through, axis=-1)
    return {
        "d_v": values.shape[-1],
        "each head's rows of W_O": rows,
        "the values after W_O": through,
        "the lengths of the values after W_O": lengths,
        "these lengths, as a row for each head": lengths[:, None, :],
        "the contributions": weights * lengths[:, None, :],
    }


def pytorch_output(x, state, n_heads) -> Steps:
    projected = x @ state["in_proj_weight"].T + state["in_proj_bias"]
    parts = np.split(projected, 3, axis=-1)
    split = [split_heads(part, n_heads) for part in parts]
    found: Steps = {"queries, keys and values side by side": projected}
    found |= {f"the {name} of all heads": part for name, part in zip(_ROLES, parts)}
    found |= {f"the {name}, split into heads": part for name, part in zip(_ROLES, split)}
    inside = attention(*split)
    merged = merge_heads(np.asarray(inside.pop("the output")))
    for name in _ROLES:
        inside.pop(f"the {name}")
    product = merged @ state["out_proj.weight"].T
    found |= inside | {"the merged heads": merged, "the merged heads times out_proj.weight.T": product}
    return found | {"the output": product + state["out_proj.bias"]}
