"""The exercises of notebook 03: Every word at once. First one right answer to each; there are others."""

from __future__ import annotations

import numpy as np

from helpers.attention import softmax
from helpers.checks import catalogue, intermediates
from helpers.checks.exercises.definition import Case, Exercise
from helpers.checks.exercises.inputs import attention_case, attention_cases, drawn, projection_case


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


def _masked():
    # No row is full: inverted, it would be empty, and what comes of an empty row depends on how −∞ is written.
    looks_back = np.tri(5, dtype=bool) & ~np.tri(5, k=-3, dtype=bool)
    gaps = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]], dtype=bool)
    padding = np.array(
        [[1, 1, 0, 1, 0, 0], [0, 1, 1, 1, 0, 0], [1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0]], dtype=bool
    )
    zero, low = attention_case(16, 4, 6, 5, 2, padding), attention_case(17, 4, 6, 3, 2, padding)
    zero.arguments["queries"][1] = 0  # all its scores are exactly 0, and hidden only where the mask says so
    keys, queries = low.arguments["keys"], low.arguments["queries"]
    keys[:, 0], queries[:, 0] = (
        -4.0 + keys[:, 0] / 10,
        7.0,
    )  # scores far below 0: what hides must be lower still
    return [attention_case(14, 5, 5, 4, 3, looks_back), attention_case(15, 3, 4, 2, 5, gaps), zero, low]


def _cross():
    cases = []
    made = ((16, 3, 5, 6, 4, 2), (17, 4, 4, 5, 3, 2), (18, 5, 3, 4, 4, 4))
    for seed, n_queries, n_keys, d_model, d_k, d_v in made:
        case = projection_case(seed, n_queries, d_model, d_k, d_v)
        x, *matrices = case.arguments.items()
        context = ("context", drawn(seed + 100)(n_keys, d_model))
        cases.append(Case(dict([x, context, *matrices]), {**case.sizes, "n_keys": n_keys}))
    return cases


EXERCISES = (
    Exercise(
        my_attention,
        "03",
        attention_cases,
        "the output, (n_queries, d_v)",
        (
            "Four steps in this order: compare, scale, softmax, mix.",
            "The scores are queries @ keys.T / np.sqrt(d_k), and d_k is keys.shape[-1].",
        ),
        catalogue.attention,
        steps=intermediates.attention,
        lesson=(
            "Nothing in these lines depends on how many queries or keys there are, and that's why "
            "attention takes texts of any length."
        ),
    ),
    Exercise(
        my_masked_attention,
        "03",
        _masked,
        "the output, (n_queries, d_v)",
        (
            (
                "A hidden key must get the weight 0, and the other weights of the row must still sum to 1. So"
                " the mask comes before softmax."
            ),
            "Where the mask is False, put −inf: np.where(mask, scores, -np.inf).",
        ),
        catalogue.attention,
        steps=intermediates.attention,
        lesson=(
            "A score of −inf becomes a weight of exactly 0, and softmax shares the whole 1 among "
            "the keys that are left."
        ),
    ),
    Exercise(
        my_cross_attention,
        "03",
        _cross,
        "the output, (n_queries, d_v)",
        (
            "x asks, the context answers.",
            "Queries come from x; keys and values both come from the context. The rest is as before.",
        ),
        lambda steps, x, context, *matrices: catalogue.attention(
            steps, *catalogue.project(steps, x, *matrices, context), d_model=x.shape[-1]
        ),
        steps=intermediates.cross_attention,
        lesson=(
            "Only the source of the rows differs from self-attention: as many outputs as there "
            "are queries, as many weights in each row as there are keys."
        ),
    ),
)
