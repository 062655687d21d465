"""Which shapes met where a NumPy error came from, and why they don't fit, in words."""

from __future__ import annotations

import ast
import math

import numpy as np

from helpers.checks.messages import brief, listed
from helpers.checks.program import called

__all__ = ["shapes_in_words"]

_REDUCING = ("sum", "max", "min", "mean", "amax", "amin", "norm", "std")
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Pow: "**"}


def _named(value, steps) -> str:
    """What a value is in the field's terms, if it's one of the right intermediate results."""
    for name, step in steps.items():
        if isinstance(step, np.ndarray) and isinstance(value, np.ndarray) and step.ndim >= 2:
            for form, more in ((step, ""), (step.swapaxes(-1, -2), ", transposed")):
                if form.shape == value.shape and np.allclose(form, value, equal_nan=True):
                    return f"{name}{more}, of shape "
    return ""


def shapes_in_words(part, met, steps) -> str:
    if part is None:
        return ""
    node, arrays = part.node, [x for x in met if isinstance(x, np.ndarray)]
    function = called(node)
    if (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)) or function in (
        "dot",
        "matmul",
        "inner",
    ):
        return _product(part, arrays, steps) if len(arrays) == 2 else ""
    if isinstance(node, ast.BinOp) and len(arrays) == 2:
        return _number_by_number(part, arrays, _OPERATORS.get(type(node.op), ""))
    if function == "where" and len(arrays) >= 2:
        return _number_by_number(part, arrays, "np.where")
    if function in ("multiply", "add", "subtract", "divide") and len(arrays) == 2:
        return _number_by_number(part, arrays, f"np.{function}")
    if function == "reshape" and arrays:
        return _reshaped(part, arrays[0], met[1:])
    if function in ("swapaxes", "transpose", "moveaxis") and arrays:
        return _axes(part, arrays[0], met[1:], function)
    if function in ("concatenate", "stack", "hstack", "vstack", "column_stack"):
        return _joined(part, met, function)
    if isinstance(node, ast.Subscript) and arrays:
        return _index(part, arrays[0], met[1:])
    return ""


def _product(part, arrays, steps):
    a, b = arrays
    names = [_named(x, steps) for x in arrays]
    if not a.ndim or not b.ndim:
        return f"`{brief(part.text)}` is a matrix product with a single number. Use `*` there."
    inner = a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0]
    if inner[0] == inner[1]:
        return (
            f"In `{brief(part.text)}` {a.shape} meets {b.shape}. The last two axes fit; the axes before"
            " them, one table for each head, must be equal in number."
        )
    said = (
        f"`{brief(part.text)}` multiplies {names[0]}{a.shape} by {names[1]}{b.shape}: the rows on the left"
        f" have {inner[0]} numbers and the columns on the right {inner[1]}, and these must be equally many."
    )
    if not all(names):  # what is no right intermediate result may be wrong in other ways as well
        return said
    if b.ndim > 1 and b.shape[-1] == inner[0]:
        what, done = names[1].split(",")[0].capitalize(), ", transposed" in names[1]
        return f"{said} {what} {'should not be' if done else 'have to be'} transposed in their last two axes."
    if b.ndim > 1 and b.shape[-1] == inner[1] and b.shape[-2] == a.shape[-2]:
        return said
    if b.ndim > 1 and b.shape[-1] == a.shape[-2]:
        return f"{said} In the other order they fit."
    return said


def _number_by_number(part, arrays, sign):
    said = (
        f"In `{brief(part.text)}` {listed([str(a.shape) for a in arrays])} meet number by number"
        f" (`{sign}`). Their axes are matched from the last one back, and must be equal or 1."
    )
    for small, big in (arrays[:2], arrays[1::-1]):
        for axis in range(small.ndim + 1):
            wider = (*small.shape[:axis], 1, *small.shape[axis:])
            if small.ndim == big.ndim - 1 and axis and _fit(wider, big.shape) and _reduces(part.node):
                return f"{said} An axis was lost on the way: keepdims=True keeps it, with length 1."
    if all(a.ndim >= 2 for a in arrays) and sign == "*" and _matrix(arrays[0].shape, arrays[1].shape):
        return f"{said} If the matrix product is meant, that's `@`."
    return said


def _reduces(node) -> bool:
    """Whether an operand may have lost an axis: it's a reduction, or a name that holds one."""
    return any(called(n) in _REDUCING or isinstance(n, ast.Name) for n in ast.walk(node))


def _matrix(a, b) -> bool:
    return a[-1] == b[-2] or a[-1] == b[-1]


def _fit(a, b) -> bool:
    return all(x == y or 1 in (x, y) for x, y in zip(a[::-1], b[::-1]))


def _reshaped(part, array, rest):
    shape = [x for each in rest for x in (each if isinstance(each, (tuple, list)) else [each])]
    if not all(isinstance(x, (int, np.integer)) for x in shape):
        return ""
    known = math.prod(int(x) for x in shape if x != -1)
    if -1 in shape:
        return (
            f"`{brief(part.text)}`: {array.shape} holds {array.size} numbers, and {known} doesn't divide"
            " that."
        )
    return (
        f"`{brief(part.text)}`: {array.shape} holds {array.size} numbers, and the new shape would need"
        f" {known}."
    )


def _axes(part, array, rest, function):
    said = (
        f"`{brief(part.text)}`: the array has the shape {array.shape}, so its axes are 0 to {array.ndim - 1}."
    )
    if function == "transpose" and len(rest) == 2 and array.ndim != 2:
        return f"{said} NumPy's transpose takes all of them; .swapaxes({rest[0]}, {rest[1]}) swaps two."
    if array.ndim < 3 and any(isinstance(x, int) and x >= array.ndim for x in rest):
        return f"{said} Were the heads cut apart before?"
    return said


def _joined(part, met, function):
    tables = next((x for x in met if isinstance(x, (list, tuple))), None)
    given = tables if tables is not None else [x for x in met if isinstance(x, np.ndarray)]
    found = sorted({str(np.shape(x)) for x in given})
    if len(found) > 1:
        return (
            f"`{brief(part.text)}` joins arrays of the shapes {listed(found)}: all axes but the joined one"
            " must be equal."
        )
    return ""


def _index(part, array, rest):
    depth = len(rest)
    if depth > array.ndim:
        return (
            f"`{brief(part.text)}`: the array has the shape {array.shape}, so it takes at most {array.ndim}"
            " indices."
        )
    for axis, index in enumerate(rest[: array.ndim]):
        if isinstance(index, (int, np.integer)) and not -array.shape[axis] <= index < array.shape[axis]:
            return (
                f"`{brief(part.text)}`: axis {axis} has {array.shape[axis]} entries, counted from 0, and"
                f" the index is {index}."
            )
    return f"`{brief(part.text)}`: the array has the shape {array.shape}." if array.ndim else ""
