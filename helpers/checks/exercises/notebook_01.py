"""The exercises of notebook 01: One dot product. First one right answer to each; there are others."""

from __future__ import annotations

import numpy as np

from helpers.checks import catalogue, intermediates
from helpers.checks.exercises.definition import Case, Exercise, Wrong
from helpers.checks.exercises.inputs import drawn, projection_case


def my_score(q, k):
    return sum(q_number * k_number for q_number, k_number in zip(q, k))


def my_projections(x, w_q, w_k, w_v):
    return x @ w_q, x @ w_k, x @ w_v


def _vectors():
    made = [drawn(seed)(2, d_k) for seed, d_k in ((3, 3), (4, 7))]
    return [
        Case({"q": np.array([8.0, 4, 4]), "k": np.array([8.0, 6, 6])}),
        *(Case({"q": q, "k": k}) for q, k in made),
    ]


def _projections():
    return [
        projection_case(5, 4, 6, 3, 2),
        projection_case(6, 2, 5, 4, 3),
        projection_case(7, 4, 4, 4, 4),  # where nothing fails, so that a mistake shows in its numbers
    ]


EXERCISES = (
    Exercise(
        my_score,
        "01",
        _vectors,
        "one number",
        (
            "Multiply the numbers at the same position, then do something with the products.",
            "Add the products up: sum(a * b for a, b in zip(q, k)), or q @ k.",
        ),
        own=(
            Wrong(
                "products not added",
                lambda q, k: q * k,
                "You return the products. The score is their sum, one number.",
            ),
            Wrong(
                "cosine",
                lambda q, k: q @ k / np.linalg.norm(q) / np.linalg.norm(k),
                "You divided by both lengths: that is the cosine of the angle. The score keeps the lengths.",
            ),
            Wrong(
                "mean of the products",
                lambda q, k: np.mean(q * k),
                "You give the mean of the products. The score is their sum.",
            ),
            Wrong(
                "sums multiplied",
                lambda q, k: q.sum() * k.sum(),
                "You added first and multiplied then. Multiply position by position first.",
            ),
            Wrong(
                "numbers added",
                lambda q, k: (q + k).sum(),
                "You added q and k. Multiply the numbers at the same position.",
            ),
            Wrong(
                "last number left out",
                lambda q, k: q[:-1] @ k[:-1],
                "The last number is left out: range(n) already stops before n.",
            ),
            Wrong(
                "last product alone",
                lambda q, k: q[-1] * k[-1],
                "That is the last product alone. Does the sum begin again in each round?",
            ),
            Wrong(
                "first product alone",
                lambda q, k: q[0] * k[0],
                "That is the first product alone. Does return stand inside the loop?",
            ),
            Wrong(
                "every pair",
                np.outer,
                "You multiplied every number of q with every number of k. Only numbers at the same"
                " position meet.",
            ),
        ),
        lesson=(
            "A score is a dot product: multiply position by position, add everything up, and you have one"
            " number for a query and a key."
        ),
    ),
    Exercise(
        my_projections,
        "01",
        _projections,
        "three arrays: queries (n, d_k), keys (n, d_k), values (n, d_v)",
        (
            "Each of the three is one matrix product.",
            "The queries are x @ w_q. Return all three, separated by commas.",
        ),
        catalogue.project,
        steps=intermediates.projections,
        own=(
            Wrong(
                "keys and values exchanged",
                lambda x, w_q, w_k, w_v: (x @ w_q, x @ w_v, x @ w_k),
                "Keys and values are swapped: the order is queries, keys, values.",
            ),
            Wrong(
                "only the queries",
                lambda x, w_q, w_k, w_v: x @ w_q,
                "These are the queries alone. Return all three, separated by commas.",
            ),
        ),
        lesson=(
            "Three matrices turn one word vector into a query, a key and a value; a single product does it"
            " for all words at once."
        ),
    ),
)
