"""The exercises of notebook 00: Start here. First one right answer to each; there are others."""

from __future__ import annotations

from helpers.checks.exercises.definition import Case, Exercise, Wrong
from helpers.checks.exercises.inputs import drawn, weights_case


def my_row_sums(weights):
    return weights.sum(axis=-1)


def my_favourites(weights):
    return weights.argmax(axis=-1)


def _weights():
    return [weights_case(1, 3, 5), weights_case(2, 6, 4)]


def _tables():
    return [
        *_weights(),
        Case({"weights": drawn(0)(2, 3)}, {"n_queries": 2, "n_keys": 3}),
    ]  # rows that do not sum to 1


EXERCISES = (
    Exercise(
        my_row_sums,
        "00",
        _tables,
        "one sum for each row, (n_queries,)",
        (
            "An array has a method sum. It needs to be told along which axis.",
            "axis=-1 runs along a row, from key to key: weights.sum(axis=-1).",
        ),
        own=(
            Wrong(
                "columns summed",
                lambda w: w.sum(axis=0),
                "You summed the columns: there are {n_keys} of them. A row belongs to one query, and there"
                " are {n_queries} rows (axis=-1).",
            ),
            Wrong(
                "everything summed",
                lambda w: w.sum(),
                "You summed the whole table into one number. There should be one sum for each of the"
                " {n_queries} rows (axis=-1).",
            ),
            Wrong(
                "mean instead of sum",
                lambda w: w.mean(axis=-1),
                "These are means: each sum was divided by {n_keys}.",
            ),
        ),
        lesson=(
            "Each query spreads a total weight of 1 over the keys; that's why a row, and not a column, is"
            " the thing to sum."
        ),
    ),
    Exercise(
        my_favourites,
        "00",
        _weights,
        "the position of the largest weight in each row, (n_queries,)",
        (
            "NumPy has a method that returns the position of the largest number, rather than the number.",
            "It is argmax, and it needs an axis, as sum does.",
        ),
        own=(
            Wrong(
                "largest weights",
                lambda w: w.max(axis=-1),
                "These are the largest weights. What's asked for is the position of each: argmax instead"
                " of max.",
            ),
            Wrong(
                "columns searched",
                lambda w: w.argmax(axis=0),
                "You searched the columns. Each of the {n_queries} rows has a favourite among the {n_keys}"
                " keys (axis=-1).",
            ),
            Wrong(
                "one place for the table",
                lambda w: w.argmax(),
                "That's one position for the whole table. Each of the {n_queries} rows has one (axis=-1).",
            ),
            Wrong(
                "counted from 1",
                lambda w: w.argmax(axis=-1) + 1,
                "Your positions are counted from 1. Python counts from 0, so the first key has position 0.",
            ),
            Wrong(
                "smallest weights",
                lambda w: w.argmin(axis=-1),
                "These are the positions of the smallest weights: argmax instead of argmin.",
            ),
        ),
        lesson=(
            "argmax along the last axis asks each query for its favourite key. Keep the axis in mind: it's"
            " the keys that are chosen among."
        ),
    ),
)
