"""The exercises of notebook 04: Eight heads. First one right answer to each; there are others."""

from __future__ import annotations

import numpy as np

from helpers.attention import softmax
from helpers.checks import catalogue, intermediates
from helpers.checks.exercises.definition import Case, Exercise, Wrong
from helpers.checks.exercises.inputs import projection_case, sizes_of


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


def _one_head():
    cases = []
    for seed, n, d_model, n_heads, d_k, head in (
        (18, 4, 6, 3, 2, 0),
        (18, 4, 6, 3, 2, 1),
        (24, 5, 7, 4, 3, 3),
        (25, 4, 8, 2, 4, 1),  # as many columns as rows, so that nothing fails
        (19, 3, 5, 2, 4, 1),
        (20, 5, 7, 4, 3, 2),
    ):
        case = projection_case(seed, n, d_model, n_heads * d_k, n_heads * d_k)
        cases.append(
            Case(
                {**case.arguments, "head": head, "d_k": d_k},
                {**case.sizes, **sizes_of(d_k=d_k, d_v=d_k), "n_heads": n_heads},
            )
        )
    return cases


def _split():
    return [
        Case(
            {"x": np.arange(n * h * d_k, dtype=float).reshape(n, h * d_k), "n_heads": h},
            {"n": n, "n_heads": h, "d_k": d_k},
        )
        for n, h, d_k in ((2, 3, 4), (5, 2, 6), (3, 3, 3))
    ]


def _merge():
    return [
        Case(
            {"heads": np.arange(n * h * d_v, dtype=float).reshape(n, h, d_v).swapaxes(0, 1).copy()},
            {"n": n, "n_heads": h, "d_v": d_v, "d_k": d_v},
        )
        for n, h, d_v in ((2, 3, 4), (5, 2, 6), (3, 3, 3))
    ]


def _cut(x, head, d_k):
    return x[:, head * d_k : (head + 1) * d_k]


EXERCISES = (
    Exercise(
        my_head,
        "04",
        _one_head,
        "the output of this head, (n, d_k)",
        (
            "First cut out the columns that belong to the head, then do attention with them.",
            "Head i owns the columns i · d_k up to (i + 1) · d_k: w_q[:, head * d_k:(head + 1) * d_k].",
        ),
        catalogue.one_head,
        own=(
            Wrong(
                "values not cut",
                lambda x, w_q, w_k, w_v, head, d_k: (
                    softmax(_cut(x @ w_q, head, d_k) @ _cut(x @ w_k, head, d_k).T / np.sqrt(d_k)) @ (x @ w_v)
                ),
                "The values hold the columns of all {n_heads} heads. Cut them as the queries and keys are"
                " cut.",
            ),
        ),
        steps=intermediates.head,
        lesson="A head is ordinary attention on its own d_k columns. Nothing in it knows of the other heads.",
    ),
    Exercise(
        my_split,
        "04",
        _split,
        "(n_heads, n, d_k)",
        (
            "Two moves. The reshape alone gives (n, n_heads, d_k).",
            "Then swap the first two axes: .swapaxes(0, 1).",
        ),
        lambda steps, x, n_heads: steps["split"](x, n_heads),
        steps=intermediates.split,
        lesson=(
            "Cut first, then swap the axes: a reshape alone gives the right shape and deals out the wrong"
            " numbers."
        ),
    ),
    Exercise(
        my_merge,
        "04",
        _merge,
        "(n, n_heads · d_k)",
        (
            "It undoes the split: the same two moves, backwards.",
            "First .swapaxes(0, 1), which gives (n, n_heads, d_k), then reshape.",
        ),
        lambda steps, heads: steps["merge"](heads),
        steps=intermediates.merge,
        lesson=(
            "The merge is the split backwards, and it has to copy: after the swap, a word's numbers no"
            " longer lie side by side."
        ),
    ),
)
