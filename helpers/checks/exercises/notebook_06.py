"""The exercises of notebook 06: Reading attention maps. First one right answer to each; there are others."""

from __future__ import annotations

import math

import numpy as np

from helpers.attention import softmax
from helpers.checks import catalogue, intermediates
from helpers.checks.catalogue import RIGHT
from helpers.checks.exercises.definition import Case, Exercise, Wrong
from helpers.checks.exercises.inputs import attention_cases, drawn, weights_case


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


def _all_heads():
    return [weights_case(27, 3, 5, 2), weights_case(28, 4, 4, 3)]


def _rows():
    made = [
        (catalogue.softmax(drawn(seed)(n), RIGHT), drawn(seed + 1)(n, d_v))
        for seed, n, d_v in ((29, 5, 2), (31, 7, 4))
    ]
    return [
        Case({"row": row, "values": values}, {"n_keys": len(row), "d_v": values.shape[1]})
        for row, values in made
    ]


def _not_another_row(result, row, values):
    if result.shape != row.shape:
        return (
            f"The new row should hold one weight for each of the {len(row)} keys, and yours has the shape"
            f" {result.shape}."
        )
    if not np.isfinite(result).all():
        return "Your row holds nan or infinity."
    if (result == row).all():
        return "That is the same row. Move along a direction that leaves the output and the sum as they are."
    if np.allclose(result, row, atol=1e-6):
        return (
            f"Your row differs from the old one by {np.abs(result - row).max():.0e} only: take a larger step."
        )
    if result.min() < -1e-9:
        return (
            f"The smallest of your weights is {result.min():.2g}. Weights may not be negative: take a"
            " smaller step."
        )
    if not math.isclose(result.sum(), 1, abs_tol=1e-6):
        return (
            f"Your weights sum to 1 only up to {result.sum() - 1:+.1e}: the direction's numbers must sum to"
            " 0, which a row of ones demands."
        )
    if not np.allclose(result @ values, row @ values, atol=1e-6):
        own, old = result @ values, row @ values
        at = np.abs(own - old).argmax()
        return (
            f"Your row gives another output: its number {at} is {own[at]:.7g}, and the old row's is"
            f" {old[at]:.7g}; they should be equal. Move along a direction that values.T maps to 0."
        )
    return ""


def _null_cases():
    """One of them with scores far above and below 0, where exp overflows unless the largest is subtracted."""
    first = attention_cases()[0]
    far = {**first.arguments, "queries": 2_000 * first.arguments["queries"]}
    largest = (far["queries"] @ far["keys"].T).max() / math.sqrt(far["keys"].shape[-1])
    return [*attention_cases(), Case(far, {**first.sizes, "largest": largest})]


def _null_attention(steps, queries, keys, values):
    sizes = {
        "d_k": keys.shape[-1],
        "n_queries": len(queries),
        "n_keys": len(keys),
        "d_v": values.shape[-1],
        "d_model": keys.shape[-1],
        "columns": keys.shape[-1],
    }
    scores = steps["scale"](steps["compare"](*steps["roles"](queries, keys)), sizes)
    weights = steps["softmax"](np.column_stack([scores, np.zeros(len(scores))]), steps)[:, :-1]
    return steps["mix"](weights, values)


def _scaled(queries, keys):
    return queries @ keys.T / math.sqrt(keys.shape[-1])


def _one_after_the_maximum(queries, keys, values):
    scores = _scaled(queries, keys)
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / (1 + raised.sum(axis=-1, keepdims=True)) @ values


def _null_first(queries, keys, values):
    scores = _scaled(queries, keys)
    return catalogue.softmax(np.column_stack([np.zeros(len(scores)), scores]), RIGHT)[:, :-1] @ values


def _null_scores_1(queries, keys, values):
    scores = _scaled(queries, keys)
    return catalogue.softmax(np.column_stack([scores, np.ones(len(scores))]), RIGHT)[:, :-1] @ values


EXERCISES = (
    Exercise(
        my_shares,
        "06",
        _all_heads,
        "shares, the shape of weights; over the heads they sum to 1",
        (
            "For each pair of a query and a key, the heads' weights are divided by their sum.",
            "The head axis is the first one: weights.sum(axis=0).",
        ),
        own=(
            Wrong(
                "over the keys",
                lambda w: w / w.sum(axis=-1, keepdims=True),
                "You divided by the sum over the keys. That sum is 1 already, so these are the weights"
                " themselves. Divide by the sum over the {n_heads} heads (axis=0).",
            ),
            Wrong(
                "over the queries",
                lambda w: w / w.sum(axis=-2, keepdims=True),
                "You divided by the sum over the queries. The heads are the first axis (axis=0).",
            ),
            Wrong(
                "over everything",
                lambda w: w / w.sum(),
                "You divided by the sum of all weights. Divide pair by pair, by the sum over the {n_heads}"
                " heads (axis=0).",
            ),
            Wrong(
                "over one head",
                lambda w: w / w.sum(axis=(1, 2), keepdims=True),
                "You divided each head by its own sum, which is the number of its rows. Divide by the sum"
                " over the {n_heads} heads (axis=0).",
            ),
            Wrong(
                "mean over the heads",
                lambda w: w / w.mean(axis=0),
                "You divided by the mean: your shares sum to {n_heads} over the heads, and should sum to 1.",
            ),
            Wrong(
                "summed only",
                lambda w: w.sum(axis=0),
                "That is the sum over the heads. Divide the weights by it.",
            ),
        ),
        steps=intermediates.shares,
        lesson=(
            "Normalised over heads, the numbers say which head attends to a key the most. They're no"
            " longer attention weights."
        ),
    ),
    Exercise(
        my_other_row,
        "06",
        _rows,
        "another row of weights, (n_keys,), with the same output",
        (
            (
                "Look for a direction that changes neither the output nor the sum: one that values.T and a"
                " row of ones both turn into 0."
            ),
            (
                "Stack values.T on a row of ones; the last row of np.linalg.svd(…)[2] is such a direction."
                " How far? Until the first weight reaches 0 it is (row / abs(direction)).min(); take half"
                " of that."
            ),
        ),
        problem=_not_another_row,
        lesson=(
            "Where there are more keys than numbers in a value, several rows of weights give the same"
            " output. A map alone doesn't prove what mattered."
        ),
    ),
    Exercise(
        my_null_attention,
        "06",
        _null_cases,
        "the output, (n_queries, d_v)",
        (
            (
                "The null token has a key of zeros, so its score is 0 for every query, and a value of"
                " zeros, so it adds nothing."
            ),
            (
                "Put a column of zeros beside the scores before softmax, and drop that column from the"
                " weights before the product."
            ),
        ),
        _null_attention,
        own=(
            Wrong(
                "no null token",
                lambda q, k, v: catalogue.attention(RIGHT, q, k, v),
                "Your weights over the {n_keys} real keys sum to 1, so the null token takes nothing. A"
                " column of zeros belongs beside the scores, before softmax; afterwards the weights are"
                " not divided again.",
            ),
            Wrong(
                "1 added after the maximum",
                _one_after_the_maximum,
                "The 1 in the denominator is e^0, the null token's. Once the maximum m is subtracted from"
                " the scores, it has become e^(−m): divide by exp(−m) plus the sum.",
            ),
            Wrong(
                "null column first, last dropped",
                _null_first,
                "The null column stands first, and you dropped the last one, a real key.",
            ),
            Wrong(
                "null column not dropped",
                lambda q, k, v: (
                    catalogue.softmax(np.column_stack([_scaled(q, k), np.zeros(len(q))]), RIGHT) @ v
                ),
                "Your weights have one column more than there are values: drop the null token's column, or"
                " give it a value of zeros.",
            ),
            Wrong(
                "null token scores 1",
                _null_scores_1,
                "Your null token scores 1. Its key is all zeros, so its score is 0.",
            ),
        ),
        steps=intermediates.null_attention,
        lesson=(
            "A null token lets a head attend to nothing: it adds 1 = e^0 to the denominator and 0 to the"
            " output."
        ),
    ),
)
