"""Inputs that exercises of several notebooks are run on.

They are uneven on purpose. Equal sizes, all ones, one head and symmetric
matrices have each hidden a real mistake: then the wrong answer is right by accident.
"""

from __future__ import annotations

import math

import numpy as np

from helpers.checks import catalogue
from helpers.checks.catalogue import RIGHT
from helpers.checks.exercises.definition import Case

__all__ = ["drawn", "sizes_of", "weights_case", "projection_case", "attention_case", "attention_cases"]


def drawn(seed):
    rng = np.random.default_rng(seed)
    return lambda *shape: rng.standard_normal(shape).round(2)


def sizes_of(**sizes):
    return {**sizes, "root_d_k": math.sqrt(sizes.get("d_k", 1))}


def weights_case(seed, n_queries, n_keys, *heads):
    weights = catalogue.softmax(3 * drawn(seed)(*heads, n_queries, n_keys), RIGHT)
    return Case({"weights": weights}, {"n_queries": n_queries, "n_keys": n_keys, "n_heads": sum(heads)})


def projection_case(seed, n, d_model, d_k, d_v):
    draw = drawn(seed)
    matrices = {"w_q": draw(d_model, d_k), "w_k": draw(d_model, d_k), "w_v": draw(d_model, d_v)}
    arguments = {
        "x": draw(n, d_model),
        **{name: (w * 1.5 / math.sqrt(d_model)).round(2) for name, w in matrices.items()},
    }  # scores that softmax can tell apart
    return Case(arguments, sizes_of(n=n, n_queries=n, n_keys=n, d_model=d_model, d_k=d_k, d_v=d_v))


def attention_case(seed, n_queries, n_keys, d_k, d_v, mask=None):
    draw = drawn(seed)
    arguments = {"queries": 2 * draw(n_queries, d_k), "keys": draw(n_keys, d_k), "values": draw(n_keys, d_v)}
    return Case(
        arguments | ({} if mask is None else {"mask": mask}),
        sizes_of(n_queries=n_queries, n_keys=n_keys, d_k=d_k, d_v=d_v),
    )


def attention_cases():
    """Uneven ones; and one in which all sizes are 4, so that what fits by accident shows in its numbers."""
    return [attention_case(12, 3, 5, 4, 2), attention_case(13, 6, 6, 3, 5), attention_case(14, 4, 4, 4, 4)]
