"""The exercises of notebook 07: Learning the matrices. First one right answer to each; there are others."""

from __future__ import annotations

import math

import numpy as np

from helpers.attention import softmax
from helpers.checks import catalogue, intermediates
from helpers.checks.catalogue import RIGHT
from helpers.checks.exercises.definition import Case, Exercise, Wrong
from helpers.checks.exercises.inputs import drawn, sizes_of, weights_case


def my_loss_gradient(scores, target):
    gradient = softmax(scores)
    gradient[target] -= 1
    return gradient


def my_softmax_gradient(weights, d_weights):
    mean = (weights * d_weights).sum(axis=-1, keepdims=True)
    return weights * (d_weights - mean)


def my_query_gradient(d_scores, queries, keys):
    return d_scores @ keys / np.sqrt(keys.shape[-1])


def _target_scores():
    made = [(2 * drawn(seed)(n), target) for seed, n, target in ((31, 5, 3), (32, 4, 0), (33, 6, 5))]
    made.append((np.array([1, 3, 0, -2]), 1))  # whole scores: a gradient made in their type is all zeros
    return [
        Case({"scores": scores, "target": target}, {"n": len(scores), "target": target})
        for scores, target in made
    ]


def _softmax_backward():
    made = [
        (weights_case(seed, n, m), drawn(seed + 100)(n, m))
        for seed, n, m in ((33, 3, 5), (34, 4, 2), (35, 4, 4))
    ]
    return [Case({**case.arguments, "d_weights": d_weights}, case.sizes) for case, d_weights in made]


def _query_backward():
    cases = []
    for seed, n_queries, n_keys, d_k in ((35, 3, 5, 4), (36, 4, 2, 3), (37, 4, 4, 4)):
        draw = drawn(seed)
        arguments = {
            "d_scores": draw(n_queries, n_keys),
            "queries": draw(n_queries, d_k),
            "keys": draw(n_keys, d_k),
        }
        cases.append(Case(arguments, sizes_of(n_queries=n_queries, n_keys=n_keys, d_k=d_k)))
    return cases


def _softmax_row(scores):
    return catalogue.softmax(scores, RIGHT)


EXERCISES = (
    Exercise(
        my_loss_gradient,
        "07",
        _target_scores,
        "the gradient, the shape of scores",
        (
            "Work out softmax(scores) first. One entry of it then has to change.",
            "The gradient is the probabilities, with 1 subtracted at the index of the target.",
        ),
        own=(
            Wrong(
                "sign turned",
                lambda s, t: np.eye(len(s))[t] - _softmax_row(s),
                "The sign is reversed: that is the direction in which the loss falls. The gradient points"
                " to where it grows: probabilities minus 1 at the target.",
            ),
            Wrong(
                "target left out",
                lambda s, t: _softmax_row(s),
                "These are the probabilities. At the index of the target, 1 has to be subtracted: all {n}"
                " entries then sum to 0.",
            ),
            Wrong(
                "only the target",
                lambda s, t: (_softmax_row(s) - 1) * np.eye(len(s))[t],
                "Only the target's entry is there. The other scores count too: raising one of them makes"
                " the target less likely.",
            ),
            Wrong(
                "index taken away",
                lambda s, t: _softmax_row(s) - t,
                "You subtracted {target}, the target's index, from every probability. Subtract 1, at that"
                " index only.",
            ),
            Wrong(
                "1 taken away everywhere",
                lambda s, t: _softmax_row(s) - 1,
                "You subtracted 1 from every probability. Subtract it at the target's index only.",
            ),
            Wrong(
                "target set to −1",
                lambda s, t: np.where(np.arange(len(s)) == t, -1, _softmax_row(s)),
                "The target's entry became −1. It is its probability minus 1.",
            ),
            Wrong(
                "score instead of probability",
                lambda s, t: s - np.eye(len(s))[t],
                "You took 1 from the scores. It is taken from the probabilities, softmax(scores).",
            ),
            Wrong(
                "gradient of the probability",
                lambda s, t: _softmax_row(s)[t] * (np.eye(len(s))[t] - _softmax_row(s)),
                "That is the gradient of the target's probability. The loss is its −log: divide by the"
                " probability, and turn the sign.",
            ),
            Wrong(
                "−1/p at the target",
                lambda s, t: -np.eye(len(s))[t] / _softmax_row(s)[t],
                "−1/p is the gradient with respect to the probability. One step further back, through"
                " softmax, it becomes probabilities minus 1 at the target.",
            ),
            Wrong(
                "the loss itself",
                lambda s, t: -np.log(_softmax_row(s)[t]),
                "That is the loss, one number. Its gradient has one number for each of the {n} scores.",
            ),
        ),
        steps=intermediates.loss_gradient,
        lesson=(
            "Softmax and cross-entropy together have the simplest gradient there is: probabilities minus 1"
            " at the target."
        ),
    ),
    Exercise(
        my_softmax_gradient,
        "07",
        _softmax_backward,
        "the gradient with respect to the scores, (n_queries, n_keys)",
        (
            (
                "Raising one score raises its own weight and lowers all others of its row: the row's mean"
                " of d_weights plays a part."
            ),
            (
                "The mean is weighted: (weights * d_weights).sum(axis=-1, keepdims=True). Subtract it from"
                " d_weights, and multiply by the weights."
            ),
        ),
        own=(
            Wrong(
                "mean not taken away",
                lambda p, d: p * d,
                "The row's mean isn't subtracted. As a row of weights always sums to 1, each row of your"
                " gradient should sum to 0.",
            ),
            Wrong(
                "sign turned",
                lambda p, d: p * ((p * d).sum(axis=-1, keepdims=True) - d),
                "The sign is reversed: the row's mean is taken from d_weights, and not the other way round.",
            ),
            Wrong(
                "softmax once more",
                lambda p, d: (q := _softmax_row(p)) * (d - (q * d).sum(axis=-1, keepdims=True)),
                "You applied softmax to the weights. They are softmax's result already.",
            ),
            Wrong(
                "every weight alone",
                lambda p, d: p * (1 - p) * d,
                "p (1 − p) is the slope of a weight by its own score. Each score moves the other weights"
                " of its row too.",
            ),
            Wrong(
                "plain mean",
                lambda p, d: p * (d - d.mean(axis=-1, keepdims=True)),
                "The mean of a row is taken with the weights: (weights * d_weights).sum, not d_weights.mean.",
            ),
            Wrong(
                "mean down the columns",
                lambda p, d: p * (d - (p * d).sum(axis=0)),
                "The mean runs down the columns. A row is one softmax: sum over the {n_keys} keys (axis=-1).",
            ),
            Wrong(
                "mean over everything",
                lambda p, d: p * (d - (p * d).sum()),
                "The mean runs over the whole table. Each row is a softmax of its own (axis=-1,"
                " keepdims=True).",
            ),
            Wrong(
                "weights left out",
                lambda p, d: d - (p * d).sum(axis=-1, keepdims=True),
                "The product with the weights is missing: a key with hardly any weight hardly reacts.",
            ),
        ),
        steps=intermediates.softmax_gradient,
        lesson="What one weight of a row gains, the others lose, so each row of this gradient sums to 0.",
    ),
    Exercise(
        my_query_gradient,
        "07",
        _query_backward,
        "the gradient with respect to the queries, (n_queries, d_k)",
        (
            (
                "A score is the sum of query times key, divided by √d_k. With respect to the query, its"
                " derivative is the key, divided by √d_k."
            ),
            "Sum over the keys: d_scores @ keys, and do not forget the division.",
        ),
        own=(
            Wrong(
                "not scaled",
                lambda d, q, k: d @ k,
                "The division by √d_k = {root_d_k:.2f} is missing. It stood on the way there, so it stands"
                " on the way back.",
            ),
            Wrong(
                "divided by √n_keys",
                lambda d, q, k: d @ k / math.sqrt(len(k)),
                "You divided by the square root of the number of keys, √{n_keys}. What counts is their"
                " length, d_k = {d_k}.",
            ),
            Wrong(
                "divided by d_k",
                lambda d, q, k: d @ k / k.shape[-1],
                "You divided by d_k = {d_k}. On the way there it was √d_k, and so it is on the way back.",
            ),
            Wrong(
                "multiplied by √d_k",
                lambda d, q, k: d @ k * math.sqrt(k.shape[-1]),
                "You multiplied by √d_k. The derivative of scores / √d_k is divided by it too.",
            ),
            Wrong(
                "gradient with respect to the keys",
                lambda d, q, k: d.T @ q / math.sqrt(q.shape[-1]),
                "That's the gradient with respect to the keys, ({n_keys}, {d_k}). With respect to the"
                " queries it is d_scores @ keys, ({n_queries}, {d_k}).",
            ),
            Wrong(
                "queries in place of keys",
                lambda d, q, k: d.sum(axis=-1, keepdims=True) * q / math.sqrt(q.shape[-1]),
                "The queries stand where the keys belong: a query's gradient is made of the keys that it"
                " met.",
            ),
        ),
        steps=intermediates.query_gradient,
        lesson=(
            "The way back uses the same numbers as the way there: the keys that a query met, and the same"
            " 1/√d_k."
        ),
    ),
)
