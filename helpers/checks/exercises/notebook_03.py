"""The exercises of notebook 03: Every word at once. First one right answer to each; there are others."""

from __future__ import annotations

import numpy as np

from helpers.attention import softmax
from helpers.checks import catalogue, intermediates
from helpers.checks.exercises.definition import Case, Exercise
from helpers.checks.exercises.inputs import attention_case, attention_cases, drawn, projection_case, sizes_of


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
    # No row is full: inverted, it would be empty, and what comes of an empty row depends on how −∞ is
    # written.
    looks_back, gaps = (
        np.tri(5, dtype=bool) & ~np.tri(5, k=-3, dtype=bool),
        np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]], dtype=bool),
    )
    padding = np.array([[1, 1, 0, 1, 0, 0], [0, 1, 1, 1, 0, 0], [1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0]], bool)
    low = attention_case(41, 4, 6, 3, 2, padding)  # scores far below 0: what hides must be lower still
    keys, queries = low.arguments["keys"], low.arguments["queries"]
    keys[:, 0], queries[:, 0] = keys[:, 0] / 10 - 4, 7
    return [
        attention_case(42, 5, 5, 4, 3, looks_back),
        attention_case(15, 3, 4, 2, 5, gaps),
        _with_scores_of_0(),
        low,
    ]


def _with_scores_of_0():
    """Whole numbers, scores of 0 that aren't hidden, and a key that is hidden from every query."""
    queries, keys = np.array([[1, 0, 2], [0, 2, 0]]), np.array([[0, 3, 0], [2, 0, 0], [1, -1, 1], [2, 1, 0]])
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], dtype=bool)
    arguments = {"queries": queries, "keys": keys, "values": np.array([[1, 2], [3, -1], [0, 4], [9, 9]])}
    return Case(arguments | {"mask": mask}, sizes_of(n_queries=2, n_keys=4, d_k=3, d_v=2))


def _cross():
    cases = []
    for seed, n_queries, n_keys, d_model, d_k, d_v in (
        (16, 3, 5, 6, 4, 2),
        (17, 4, 4, 5, 3, 2),
        (18, 5, 3, 4, 4, 4),
    ):
        case = projection_case(seed, n_queries, d_model, d_k, d_v)
        x, *matrices = case.arguments.items()
        context = ("context", drawn(seed + 100)(n_keys, d_model))
        cases.append(Case(dict([x, context, *matrices]), {**case.sizes, "n_keys": n_keys}))
    return cases


def _cross_attention(steps, x, context, w_q, w_k, w_v):
    queries, keys, values = catalogue.project(steps, x, w_q, w_k, w_v, context)
    return catalogue.attention(steps, queries, keys, values, d_model=x.shape[-1])


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
        lesson="All of scaled dot-product attention is two matrix products with a softmax in between.",
    ),
    Exercise(
        my_masked_attention,
        "03",
        _masked,
        "the output, (n_queries, d_v)",
        (
            (
                "A hidden key must get the weight 0, and the other weights of the row must still sum to 1."
                " So the mask comes before softmax."
            ),
            "Where the mask is False, put −inf: np.where(mask, scores, -np.inf).",
        ),
        catalogue.attention,
        steps=intermediates.attention,
        lesson=(
            "A mask belongs on the scores, before softmax: −∞ there is a weight of 0, and the rest of the"
            " row still sums to 1."
        ),
    ),
    Exercise(
        my_cross_attention,
        "03",
        _cross,
        "the output, (n_queries, d_v)",
        (
            "The words of x look for something in the words of the context.",
            "Queries come from x; keys and values both come from the context. The rest is as before.",
        ),
        _cross_attention,
        steps=intermediates.cross_attention,
        lesson=(
            "Self- and cross-attention are one formula; the only difference is where the keys and values"
            " come from."
        ),
    ),
)
