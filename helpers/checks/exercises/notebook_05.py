"""The exercises of notebook 05: How many heads?. First one right answer to each; there are others."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from helpers.attention import softmax
from helpers.checks import catalogue, intermediates
from helpers.checks.catalogue import RIGHT
from helpers.checks.exercises.definition import Case, Exercise, Wrong
from helpers.checks.exercises.inputs import drawn, projection_case, sizes_of


def my_multi_head(x, w_q, w_k, w_v, w_o, n_heads):
    n = len(x)
    q, k, v = (part.reshape(n, n_heads, -1).swapaxes(0, 1) for part in (x @ w_q, x @ w_k, x @ w_v))
    weights = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
    found = (weights @ v).swapaxes(0, 1).reshape(n, -1)
    return found @ w_o


def my_writes(found, w_o):
    n_heads, n, d_v = found.shape
    return found @ w_o.reshape(n_heads, d_v, -1)


def _multi_head():
    cases = []
    for seed, n, d_model, h, d_k in ((21, 5, 6, 2, 4), (22, 4, 10, 3, 2), (23, 3, 9, 3, 3)):
        case, draw = projection_case(seed, n, d_model, h * d_k, h * d_k), drawn(seed + 100)
        cases.append(
            Case(
                {**case.arguments, "w_o": draw(h * d_k, d_model), "n_heads": h},
                {**case.sizes, **sizes_of(d_k=d_k, d_v=d_k), "n_heads": h},
            )
        )
    return cases


def _writes():
    return [
        Case(
            {"found": drawn(seed)(h, n, d_v), "w_o": drawn(seed + 1)(h * d_v, d_model)},
            {"n": n, "n_heads": h, "d_v": d_v, "d_model": d_model},
        )
        for seed, h, n, d_v, d_model in ((23, 3, 2, 4, 5), (25, 2, 5, 3, 7), (27, 3, 3, 3, 9))
    ]


EXERCISES = (
    Exercise(
        my_multi_head,
        "05",
        _multi_head,
        "the output, (n, d_model)",
        (
            "Project, split, attend in every head at once, merge, and W_O. Each step is one line.",
            (
                "After the split the keys are (n_heads, n, d_k): transpose only the last two axes,"
                " k.swapaxes(-1, -2)."
            ),
        ),
        catalogue.multi_head,
        own=(
            Wrong(
                "softmax over the heads",
                partial(catalogue.multi_head, {**RIGHT, "axis": lambda: -3}),
                "Softmax runs over the heads: for each pair of words the {n_heads} heads' weights sum to"
                " 1. Each row of each head should, so it runs over the keys (axis=-1).",
            ),
            Wrong(
                "weights averaged over the heads",
                partial(catalogue.multi_head, {**RIGHT, "mix": lambda w, v: w.mean(axis=0) @ v}),
                "The weights are averaged over the heads before they meet the values: then all heads have"
                " one pattern. Each head uses its own weights.",
            ),
            Wrong(
                "weights of head 0 for all",
                partial(catalogue.multi_head, {**RIGHT, "mix": lambda w, v: w[0] @ v}),
                "Every head uses the weights of head 0. Each has a pattern of its own.",
            ),
            Wrong(
                "divided by √n_heads",
                lambda *given: catalogue.multi_head(
                    {**RIGHT, "scale": lambda scores, sizes: scores / math.sqrt(given[-1])}, *given
                ),
                "The scores are divided by the square root of the number of heads, √{n_heads}. A score is"
                " a sum of d_k = {d_k} products, so the divisor is √{d_k}.",
            ),
            Wrong(
                "x added to the output",
                lambda x, *rest: x + my_multi_head(x, *rest),
                "x is added to the output, as a residual connection does around attention. Here only"
                " attention itself is asked for.",
            ),
            Wrong(
                "heads added, first rows of W_O",
                partial(
                    catalogue.multi_head,
                    {**RIGHT, "merge": lambda h: h.sum(axis=0), "write": lambda f, w: f @ w[: f.shape[-1]]},
                ),
                "The heads are added, and only the first {d_k} rows of W_O are used. Put the heads side by"
                " side: each meets its own rows of W_O.",
            ),
        ),
        steps=intermediates.multi_head,
        lesson=(
            "Project, split, attend, merge, W_O: with the heads in front, the attention line is the same"
            " as for one head."
        ),
    ),
    Exercise(
        my_writes,
        "05",
        _writes,
        "what each head contributes, (n_heads, n, d_model)",
        (
            "Head i owns the rows i · d_v up to (i + 1) · d_v of W_O.",
            "Cut W_O to (n_heads, d_v, d_model); then found @ that multiplies head by head.",
        ),
        catalogue.writes,
        steps=intermediates.writes,
        lesson=(
            "Concatenation followed by W_O is a sum of one contribution for each head, so a head can be"
            " ablated by leaving its term out."
        ),
    ),
)
