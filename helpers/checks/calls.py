"""Other calls in the place of a part, and calls around it, each with what it would show."""

from __future__ import annotations

import ast
import copy
import re

import numpy as np

from helpers.checks.messages import brief
from helpers.checks.program import Part, Program, called
from helpers.checks.rewrites import Changes, expression

__all__ = ["other_calls", "other_functions", "wrapped"]

_AGAIN = ("softmax", "exp")
_ROUNDS = ("int", "round", "floor", "ceil", "rint", "trunc", "around")


def other_calls(program: Program, part: Part, value, values) -> Changes:
    """A call without what it calls, or with its arguments in another order."""
    node = part.node
    if isinstance(node, ast.Attribute) and node.attr == "T" and np.ndim(value) > 2:
        swapped = f"{ast.unparse(node.value)}.swapaxes(-1, -2)"
        yield (
            expression(swapped),
            f"`{part.text}` reverses all {np.ndim(value)} axes. Swap the last two: `{swapped}`.",
        )
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node.value, f"`{brief(part.text)}` is transposed, and shouldn't be."
        return
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    method = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") not in (
        "np",
        "numpy",
        "math",
    )
    first = node.args[0] if node.args else None
    inside = node.func.value if method and isinstance(node.func, ast.Attribute) else first
    if inside is not None and not isinstance(inside, ast.Starred):
        text = brief(ast.unparse(inside))
        if name in _ROUNDS or (name == "astype" and "int" in part.text):
            words = f"`{brief(part.text)}` cuts to whole numbers: `{text}` itself is right."
        elif name in ("abs", "absolute", "fabs"):
            words = f"`{name}` drops the signs: `{text}` itself is right there."
        elif name in ("swapaxes", "transpose", "moveaxis"):
            words = f"`{brief(part.text)}` swaps axes that should stay: `{text}` is right."
        elif name in _AGAIN or any(name and called(each) == name for each in ast.walk(inside)):
            words = f"`{name}` is applied once more than it should be: `{text}` is right there."
        else:
            words = f"`{name}` is applied where it shouldn't be: `{text}` itself is right there."
        yield inside, words
    if name == "where" and len(node.args) == 3:
        other = ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], [])
        yield (
            other,
            f"In `{brief(part.text)}` the last two arguments are swapped: np.where takes first what stands"
            " where the condition is True. So the mask is the wrong way round.",
        )
    if len(node.args) == 2 and name in ("dot", "matmul", "divide", "subtract"):
        other = ast.Call(node.func, node.args[::-1], node.keywords)
        yield (
            other,
            f"The two arguments of `{brief(part.text)}` are swapped: `{ast.unparse(other)}` is right.",
        )
    for keyword in node.keywords:
        kept = [each for each in node.keywords if each is not keyword]
        text = f"{keyword.arg}={ast.unparse(keyword.value)}"
        yield (
            ast.Call(node.func, node.args, kept),
            f"`{text}` in `{brief(part.text)}` is too much: without it, it's right.",
        )
    given = {keyword.arg for keyword in node.keywords}
    if name in (
        "sum",
        "max",
        "min",
        "mean",
        "argmax",
        "argmin",
        "softmax",
        "concatenate",
        "stack",
        "amax",
        "norm",
    ):
        for axis in (-1, 0, 1):
            if "axis" not in given and len(node.args) < 2:
                other = ast.Call(
                    node.func, node.args, [*node.keywords, ast.keyword("axis", expression(str(axis)))]
                )
                yield (
                    other,
                    f"`{brief(part.text)}` isn't told the axis: `axis={axis}` is missing. {_no_axis(name)}",
                )
        if "axis" not in given and len(node.args) < 2 and name in _REDUCTIONS:
            more = [ast.keyword("axis", expression("-1")), ast.keyword("keepdims", ast.Constant(True))]
            other = ast.Call(node.func, node.args, [*node.keywords, *more])
            yield (
                other,
                f"`{brief(part.text)}` runs over the whole table: `axis=-1, keepdims=True` is missing.",
            )
        if "keepdims" not in given and name not in ("softmax", "concatenate", "stack", "argmax"):
            other = ast.Call(
                node.func, node.args, [*node.keywords, ast.keyword("keepdims", ast.Constant(True))]
            )
            yield other, f"`keepdims=True` is missing in `{brief(part.text)}`: {_LOST_AXIS}"


_LOST_AXIS = (
    "without it the result loses that axis, and what it's combined with is matched to the wrong one: row i"
    " gets the number of row j."
)


def _no_axis(name):
    if name in ("concatenate", "stack", "softmax"):
        return "By default it's another one."
    return "Without one it runs over the whole table."


_REDUCTIONS = (
    "sum",
    "mean",
    "max",
    "min",
    "argmax",
    "argmin",
    "prod",
    "amax",
    "amin",
    "std",
    "median",
    "cumsum",
)
_OPPOSITE = {"min": "max", "max": "min", "argmin": "argmax", "argmax": "argmin", "mean": "sum", "sum": "mean"}
_SIBLINGS = (
    _REDUCTIONS,
    ("vstack", "hstack", "column_stack", "stack", "concatenate"),
    ("zeros", "ones", "empty"),
    ("tril", "triu"),
    ("sqrt", "log", "exp", "square", "abs", "log2", "cbrt", "exp2"),
    ("dot", "outer", "matmul", "multiply", "inner"),
    ("add", "subtract", "multiply", "divide"),
)


def other_functions(program: Program, part: Part, value, values) -> Changes:
    """Another function of the same kind: sum for mean, argmax for max."""
    node = part.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Attribute, ast.Name)):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    for family in _SIBLINGS:
        for other in sorted(family, key=lambda each: each != _OPPOSITE.get(name)) if name in family else ():
            if other == name:
                continue
            function = copy.deepcopy(node.func)
            if isinstance(function, ast.Attribute):
                function.attr = other
            else:
                function.id = other
            yield (
                ast.Call(function, node.args, node.keywords),
                f"`{name}` stands where `{other}` belongs.",
            )


def wrapped(program: Program, part: Part, value, values) -> Changes:
    """A part with something more done to it."""
    node, text, parent = part.node, part.text, program.parents.get(part.number)
    only_sizes = parent is not None and re.search(
        rf"^(len\({re.escape(text)}\)|{re.escape(text)}\.(shape|ndim|size))$", parent.text
    )
    if isinstance(value, (bool, np.bool_)) or callable(value) or only_sizes:
        return
    whole = isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    inside = text if whole else f"({text})"
    if isinstance(value, (int, float, np.number)) and not isinstance(node, ast.Constant):
        yield (
            expression(f"({text}) ** 0.5"),
            f"The square root is missing: `{text}` should be `np.sqrt({text})`.",
        )
        yield expression(f"({text}) + 1"), f"`{text}` is too small by 1."
        yield expression(f"({text}) - 1"), f"`{text}` is too large by 1."
        yield expression(f"-({text})"), f"`{text}` has the wrong sign."
    if isinstance(value, np.ndarray) and value.ndim:
        if value.dtype == bool:
            yield expression(f"~({text})"), f"`{text}` is the wrong way round: `~{inside}` is right."
            if value.ndim == 2:
                yield expression(f"({text}).T"), f"`{text}` has to be transposed."
            return
        yield expression(f"({text}).swapaxes(-1, -2)"), _transpose_words(value, inside)
        yield expression(f"({text}).swapaxes(0, 1)"), f"The first two axes of `{text}` have to be swapped."
        yield expression(f"-({text})"), f"`{text}` has the wrong sign."
        yield expression(f"np.exp({text})"), f"The exponential is missing: `np.exp({text})`."
        yield (
            expression(f"({text}).sum(axis=-1)"),
            f"`{text}` isn't summed yet: the sum over its last axis is missing.",
        )
        if value.ndim == 1:
            yield (
                expression(f"({text})[:, None]"),
                f"`{text}` needs a second axis, `[:, None]`: {_LOST_AXIS}",
            )
        yield (
            expression(f"({text}) / ({text}).sum(axis=-1, keepdims=True)"),
            f"`{text}` isn't divided by the sum of its rows.",
        )
        yield expression(f"({text}).astype(float)"), _WHOLE.format(text=text)
        yield expression(f"({text})[::-1]"), f"`{text}` is in reverse order."
        yield expression(f"({text})[..., ::-1]"), f"The columns of `{text}` are in reverse order."
        if "softmax" in program.space:
            yield expression(f"softmax({text})"), f"softmax is missing: `softmax({text})`."


_WHOLE = (
    "`{text}` holds whole numbers, and so can't keep what comes after the decimal point: it needs"
    " dtype=float."
)


def _transpose_words(value, inside):
    if value.ndim == 2:
        return f"`{inside}` has to be transposed: `{inside}.T`."
    return f"The last two axes of `{inside}` have to be swapped: `{inside}.swapaxes(-1, -2)`."
