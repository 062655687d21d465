"""Why a call raised an error, or made a nan: read off the values and shapes that met, not off the text."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping

import numpy as np

from helpers.checks.habits import habit
from helpers.checks.messages import brief, listed, shape_of
from helpers.checks.nan import nan_in
from helpers.checks.program import Part, Program, called
from helpers.checks.run import Failure
from helpers.checks.shapes import shapes_in_words

__all__ = ["reason"]

_REDUCING = ("sum", "max", "min", "mean", "amax", "amin", "norm", "std")


def reason(failure: Failure, program: Program | None, arguments: Mapping, steps: Mapping) -> str:
    """The reason for an error in a sentence or two, or "" where the values don't tell it.

    program: the learner's function, to see which values met;  steps: what a right answer works out, by name
    """
    error = failure.error
    if isinstance(error, RecursionError):
        return "The function calls itself again and again, and nothing ends it."
    known = failure.place.values
    if program is None:
        return habit(error, None, [], None, known) or _of_a_name(error, failure)
    outcome, values = program.run(arguments)
    if not isinstance(outcome, Failure) or outcome.kind != failure.kind:
        return habit(error, None, [], program.function, known) or _of_a_name(error, failure)
    part, met = _failing(program, values)
    return (
        habit(outcome.error, part.node if part else None, met, program.function, known)
        or _of_a_name(error, failure)
        or nan_in(program, values)
        or shapes_in_words(part, met, steps)
        or _of_types(part, met)
        or _of_a_statement(failure, program, values)
    )


def _failing(program: Program, values) -> tuple[Part | None, list]:
    """The expression that raised the error, with the values of what is directly inside."""
    last = program.last[-1] if program.last else -1
    for part in program.parts[last + 1 : last + 2]:
        if last in part.inner or not part.inner:
            return part, [values[n][-1] for n in part.inner if values[n]]
    return None, []


# ---- names -------------------------------------------------------------------------------------------------


def _of_a_name(error, failure) -> str:
    if not isinstance(error, NameError):
        return ""
    name = getattr(error, "name", "") or ""
    known = [n for n in failure.place.values if not n.startswith("_")]
    if isinstance(error, UnboundLocalError):
        return (
            f"`{name}` is used before it has a value: the line that sets it comes later, or in a branch not"
            " taken."
        )
    near = difflib.get_close_matches(name, known, 1, 0.7)
    return f"There's no `{name}` here. Is it `{near[0]}`?" if near else f"There's no `{name}` here."


# ---- types -------------------------------------------------------------------------------------------------


def _of_types(part, met) -> str:
    if part is None:
        return ""
    node = part.node
    texts = [ast.unparse(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if any(value is None for value in met):
        return (
            f"In `{brief(part.text)}` one of the values is None. Functions that change an array in place"
            " return None."
        )
    wholes = isinstance(node, ast.Subscript) or called(node) in (
        "reshape",
        "range",
        "split",
        "zeros",
        "ones",
        "arange",
    )
    if wholes and any(isinstance(value, float) for value in _flat(met)):
        return (
            f"`{brief(part.text)}` needs whole numbers. `/` makes a float even of 8 / 2; `//` divides whole"
            " numbers."
        )
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and getattr(met[0] if met else None, "dtype", None) == np.dtype(bool)
    ):
        return f"`{brief(part.text)}`: NumPy's `-` doesn't work on True and False. `~` turns them round."
    words = [value for value in met if isinstance(value, str)]
    if words and called(node) in (*_REDUCING, "softmax", "concatenate"):
        return (
            f"`{brief(part.text)}`: an axis is a number, and got the word {words[0]!r}. 0 is the first"
            " axis, -1 the last."
        )
    big = [value for value in met if isinstance(value, np.ndarray) and value.size > 1]
    if isinstance(node, (ast.BoolOp, ast.IfExp)) or isinstance(getattr(node, "op", None), ast.Not):
        return (
            f"`{brief(part.text)}` needs one True or False, and the array holds many: use &, |, ~ or"
            " np.where."
            if big
            else ""
        )
    if (
        called(node) in ("int", "float", "max", "min", "sqrt", "exp")
        and big
        and isinstance(node.func, (ast.Name, ast.Attribute))
    ):
        return (
            f"`{brief(part.text)}` takes single numbers, and got {shape_of(big[0])}: NumPy's"
            f" np.{called(node)} takes arrays."
        )
    if isinstance(node, ast.BinOp) and any(isinstance(value, (list, tuple)) for value in met):
        return (
            f"In `{brief(part.text)}` {listed([f'`{t}`' for t in texts])}: a list is no array. np.array"
            " makes one of it."
        )
    return ""


def _flat(values):
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from value
        elif isinstance(value, slice):
            yield from (value.start, value.stop, value.step)
        else:
            yield value


def _of_a_statement(failure, program, values) -> str:
    """Errors of a whole line: a test of an array, an assignment to a part of one, names that are too many."""
    last = program.last[-1] if program.last else -1
    for node in ast.walk(program.function):
        if isinstance(node, (ast.If, ast.While)) and getattr(node.test, "part", None) == last:
            test = values[last][-1]
            if isinstance(test, np.ndarray) and test.size > 1:
                return (
                    f"`if {ast.unparse(node.test)}` needs one True or False, and the array holds"
                    f" {test.size}. np.where(condition, a, b) decides for each number."
                )
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target, inner = node.targets[0], getattr(node.targets[0].slice, "part", None)
            owner = getattr(target.value, "part", None)
            if inner == last and owner is not None and values[owner]:
                what, index = values[owner][-1], values[last][-1]
                return (
                    (
                        f"`{ast.unparse(target)}`: the array has the shape {np.shape(what)}, and what"
                        f" chooses from it has the shape {np.shape(index)}. A table of True and False must"
                        " have the array's own shape."
                    )
                    if isinstance(index, np.ndarray) and index.dtype == bool
                    else ""
                )
    for node in ast.walk(program.function):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
            continue
        number = getattr(node.value, "part", None)
        if number is None or not program.last or program.last[-1] != number:
            continue
        value, names = values[number][-1], [ast.unparse(name) for name in node.targets[0].elts]
        count = len(value) if hasattr(value, "__len__") else 0
        if count != len(names) and not any(isinstance(name, ast.Starred) for name in node.targets[0].elts):
            what = f"{value}" if isinstance(value, tuple) else shape_of(value)
            return (
                f"`{listed(names)}` are {len(names)} names, and `{ast.unparse(node.value)}` holds {count}:"
                f" {what}."
            )
    return ""
