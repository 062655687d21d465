"""The exercises of notebook 02: From scores to weights. First one right answer to each; there are others."""

from __future__ import annotations

import numpy as np

from helpers.checks import intermediates
from helpers.checks.exercises.definition import Case, Exercise, Wrong
from helpers.checks.exercises.inputs import drawn, sizes_of, weights_case


def my_scale(scores, d_k):
    return scores / np.sqrt(d_k)


def my_softmax(scores):
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def my_outputs(weights, values):
    return weights @ values


def _scale():
    # Whole square roots would hide int() and round(), so not every d_k is a square. Some scores are whole.
    made = [(5 * drawn(seed)(n, m), d_k) for seed, n, m, d_k in ((7, 3, 5, 16), (8, 4, 2, 64), (9, 5, 3, 10))]
    made += [(np.array([[4, -7, 0], [1, 12, -3]]), 33), (5 * drawn(11)(3, 2), 2)]
    return [Case({"scores": scores, "d_k": d_k}, _scale_sizes(scores, d_k)) for scores, d_k in made]


def _scale_sizes(scores, d_k):
    return sizes_of(n_queries=len(scores), n_keys=scores.shape[1], d_k=d_k, d_v=d_k, d_model=d_k)


def _scaled(steps, scores, d_k):
    return steps["scale"](scores, {**_scale_sizes(scores, d_k), "columns": d_k})


def _scores():
    # exp of the far ones overflows, unless the row's own maximum goes first. Some scores are whole numbers.
    far = np.array([[1012.0, 1014.0, 1009.0], [-3.0, -1.0, -2.5], [0.0, 1200.0, 0.0]])
    apart = np.array([[0.0, 1100, 0, 3], [-1100, -1101, -1099, -1100], [0, -1100, 1, 2]])
    made = (2 * drawn(9)(3, 5), 2 * drawn(10)(4, 4), far, apart, np.array([[3, 1, 0], [0, -2, 5]]))
    return [
        Case({"scores": scores}, {"n_queries": len(scores), "n_keys": scores.shape[1], "largest": 1014})
        for scores in made
    ]


def _outputs():
    made = [(weights_case(seed, n, m), drawn(seed)(m, d)) for seed, n, m, d in ((10, 3, 5, 2), (11, 4, 4, 4))]
    made.append((weights_case(12, 2, 3), np.array([[4, -1], [0, 3], [-2, 5]])))  # whole values
    return [
        Case({**case.arguments, "values": values}, {**case.sizes, "d_v": values.shape[1]})
        for case, values in made
    ]


EXERCISES = (
    Exercise(
        my_scale,
        "02",
        _scale,
        "the scaled scores, the shape of scores",
        ("For d_k = 64 the scores were divided by 8.", "8 is the square root of 64: divide by np.sqrt(d_k)."),
        _scaled,
        steps=intermediates.scale,
        lesson=(
            "Dividing by √d_k, and not by d_k, keeps the standard deviation of random scores at 1 whatever"
            " the size of a head."
        ),
    ),
    Exercise(
        my_softmax,
        "02",
        _scores,
        "weights, the shape of scores; each row sums to 1",
        (
            (
                "Three moves: subtract the largest score of each row, exponentiate the rest, divide by"
                " each row's sum."
            ),
            (
                "With scores.max(axis=-1, keepdims=True) each row gets its own maximum; the same two words"
                " belong into sum."
            ),
        ),
        lambda steps, scores: steps["softmax"](scores, steps),
        steps=intermediates.of_softmax,
        lesson=(
            "Subtracting the row's maximum changes nothing in the result and keeps exp from overflowing,"
            " so a safe softmax always does it."
        ),
    ),
    Exercise(
        my_outputs,
        "02",
        _outputs,
        "the outputs, (n_queries, d_v)",
        (
            "Row i of the result is the sum of all values, each times its weight in row i.",
            "That is what a matrix product does: weights @ values.",
        ),
        lambda steps, weights, values: steps["mix"](weights, values),
        own=(
            Wrong(
                "value of the largest weight",
                lambda w, v: v[w.argmax(axis=-1)],
                "Each row is the value of one key, the one with the largest weight. All values count, each"
                " times its weight.",
            ),
        ),
        lesson="A matrix product of weights and values is a weighted sum for every query at once.",
    ),
)
