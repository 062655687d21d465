"""Where the first nan of a run comes from."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from helpers.checks.messages import brief
from helpers.checks.program import Program, called

__all__ = ["nan_in", "nan_reason"]


def nan_reason(program: Program | None, arguments: Mapping) -> str:
    """Where a function's first nan comes from, in a sentence, or ""."""
    if program is None:
        return ""
    _, values = program.run(arguments)
    return nan_in(program, values)


def nan_in(program: Program, values) -> str:
    """The first expression that holds a nan, or +inf before it, though nothing inside of it does."""
    for part in program.parts:
        if not any(map(_bad, values[part.number])):
            continue
        inside = [x for n in part.inner for x in values[n]]
        if any(map(_bad, inside)):
            return ""
        why = _why_nan(part.node, inside)
        return f"The first nan is in {program.where(part.line)}: `{brief(part.text)}`. {why}".rstrip()
    return ""


def _holds(test, value) -> bool:
    return isinstance(value, (np.ndarray, float, np.floating)) and bool(test(np.asarray(value, float)).any())


_bad, _infinite = partial(_holds, np.isnan), partial(_holds, np.isinf)


def _why_nan(node, inside: Sequence) -> str:
    numbers = [x for x in inside if isinstance(x, (np.ndarray, int, float, np.number)) and not callable(x)]
    if isinstance(node, ast.Attribute) and node.attr == "nan" or isinstance(node, ast.Constant):
        return "A nan spreads to all that it's combined with: hidden scores are −inf instead."
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, (ast.Mult, ast.MatMult))
        and any(map(_infinite, numbers))
    ):
        return (
            "There 0 is multiplied by infinity, which is nan. np.where(mask, scores, -np.inf) multiplies"
            " nothing."
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and len(numbers) == 2:
        top, bottom = (np.asarray(x, float) for x in numbers)
        if np.isinf(top).any() and np.isinf(bottom).any():
            return (
                "There infinity is divided by infinity: e to a large power overflows. Subtract each row's"
                " largest score first."
            )
        if (bottom == 0).any():
            return "There 0 is divided by 0."
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, (ast.Sub, ast.Add))
        and all(map(_infinite, numbers))
    ):
        return "There infinity is subtracted from infinity."
    name = called(node)
    if name in ("sqrt", "log", "power") or isinstance(getattr(node, "op", None), ast.Pow):
        return "A negative number has no square root or logarithm."
    if name == "softmax":
        return "Softmax got a row in which every score is −inf, or one that is +inf."
    if any(map(_infinite, numbers)):
        return "There infinity meets infinity, or 0."
    return ""
