"""Why a call raised an error, or made a nan: read off the values and shapes that met, not off the error's text."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from helpers.checks.habits import habit
from helpers.checks.messages import brief, listed, shape_of
from helpers.checks.program import Part, Program
from helpers.checks.run import Failure

__all__ = ["nan_reason", "reason"]

_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Pow: "**"}
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
        or _of_nan(program, values)
        or _of_shapes(part, met, steps)
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
        return f"`{name}` is used before it has a value: the line that sets it comes later, or in a branch not taken."
    near = difflib.get_close_matches(name, known, 1, 0.7)
    return f"There's no `{name}` here. Is it `{near[0]}`?" if near else f"There's no `{name}` here."


# ---- shapes that don't fit ---------------------------------------------------------------------------------


def _named(value, steps) -> str:
    """What a value is in the field's terms, if it's one of the right intermediate results."""
    for name, step in steps.items():
        if isinstance(step, np.ndarray) and isinstance(value, np.ndarray) and step.ndim >= 2:
            for form, more in ((step, ""), (step.swapaxes(-1, -2), ", transposed")):
                if form.shape == value.shape and np.allclose(form, value, equal_nan=True):
                    return f"{name}{more}, of shape "
    return ""


def _of_shapes(part, met, steps) -> str:
    if part is None:
        return ""
    node, arrays = part.node, [x for x in met if isinstance(x, np.ndarray)]
    function = _called(node)
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


def _called(node) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _product(part, arrays, steps):
    a, b = arrays
    names = [_named(x, steps) for x in arrays]
    if not a.ndim or not b.ndim:
        return f"`{brief(part.text)}` is a matrix product with a single number. Use `*` there."
    inner = a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0]
    if inner[0] == inner[1]:
        return (
            f"In `{brief(part.text)}` {a.shape} meets {b.shape}. The last two axes fit; the axes before them, one table for"
            " each head, must be equal in number."
        )
    said = (
        f"`{brief(part.text)}` multiplies {names[0]}{a.shape} by {names[1]}{b.shape}. In a matrix product each row on the"
        f" left ({inner[0]} numbers) meets each column on the right ({inner[1]} numbers), and they must be equally long."
    )
    if b.ndim > 1 and b.shape[-1] == inner[0]:
        return (
            said + " The right one would fit transposed" + (", last two axes swapped." if b.ndim > 2 else ".")
        )
    if a.ndim > 1 and a.shape[-2] == inner[1]:
        return (
            said + " The left one would fit transposed" + (", last two axes swapped." if a.ndim > 2 else ".")
        )
    if b.ndim > 1 and b.shape[-1] == a.shape[0]:
        return said + " In the other order they would fit."
    return said


def _number_by_number(part, arrays, sign):
    said = (
        f"In `{brief(part.text)}` {listed([str(a.shape) for a in arrays])} meet number by number (`{sign}`). Their axes are"
        " matched from the last one back, and must be equal or 1."
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
    return any(_called(n) in _REDUCING for n in ast.walk(node)) or any(
        isinstance(n, ast.Name) for n in ast.walk(node)
    )


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
        return f"`{brief(part.text)}`: {array.shape} holds {array.size} numbers, and {known} doesn't divide that."
    return f"`{brief(part.text)}`: {array.shape} holds {array.size} numbers, and the new shape would need {known}."


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
        return f"`{brief(part.text)}` joins arrays of the shapes {listed(found)}: all axes but the joined one must be equal."
    return ""


def _index(part, array, rest):
    depth = len(rest)
    if depth > array.ndim:
        return f"`{brief(part.text)}`: the array has the shape {array.shape}, so it takes at most {array.ndim} indices."
    for axis, index in enumerate(rest[: array.ndim]):
        if isinstance(index, (int, np.integer)) and not -array.shape[axis] <= index < array.shape[axis]:
            return f"`{brief(part.text)}`: axis {axis} has {array.shape[axis]} entries, counted from 0, and the index is {index}."
    return f"`{brief(part.text)}`: the array has the shape {array.shape}." if array.ndim else ""


# ---- types -------------------------------------------------------------------------------------------------


def _of_types(part, met) -> str:
    if part is None:
        return ""
    node = part.node
    texts = [ast.unparse(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if any(value is None for value in met):
        return f"In `{brief(part.text)}` one of the values is None. Functions that change an array in place return None."
    wholes = isinstance(node, ast.Subscript) or _called(node) in (
        "reshape",
        "range",
        "split",
        "zeros",
        "ones",
        "arange",
    )
    if wholes and any(isinstance(value, float) for value in _flat(met)):
        return f"`{brief(part.text)}` needs whole numbers. `/` makes a float even of 8 / 2; `//` divides whole numbers."
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and getattr(met[0] if met else None, "dtype", None) == np.dtype(bool)
    ):
        return f"`{brief(part.text)}`: NumPy's `-` doesn't work on True and False. `~` turns them round."
    words = [value for value in met if isinstance(value, str)]
    if words and _called(node) in (*_REDUCING, "softmax", "concatenate"):
        return f"`{brief(part.text)}`: an axis is a number, and got the word {words[0]!r}. 0 is the first axis, -1 the last."
    big = [value for value in met if isinstance(value, np.ndarray) and value.size > 1]
    if isinstance(node, (ast.BoolOp, ast.IfExp)) or isinstance(getattr(node, "op", None), ast.Not):
        return (
            f"`{brief(part.text)}` needs one True or False, and the array holds many: use &, |, ~ or np.where."
            if big
            else ""
        )
    if (
        _called(node) in ("int", "float", "max", "min", "sqrt", "exp")
        and big
        and isinstance(node.func, (ast.Name, ast.Attribute))
    ):
        return f"`{brief(part.text)}` takes single numbers, and got {shape_of(big[0])}: NumPy's np.{_called(node)} takes arrays."
    if isinstance(node, ast.BinOp) and any(isinstance(value, (list, tuple)) for value in met):
        return f"In `{brief(part.text)}` {listed([f'`{t}`' for t in texts])}: a list is no array. np.array makes one of it."
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
                    f"`if {ast.unparse(node.test)}` needs one True or False, and the array holds {test.size}."
                    " np.where(condition, a, b) decides for each number."
                )
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target, inner = node.targets[0], getattr(node.targets[0].slice, "part", None)
            owner = getattr(target.value, "part", None)
            if inner == last and owner is not None and values[owner]:
                what, index = values[owner][-1], values[last][-1]
                return (
                    (
                        f"`{ast.unparse(target)}`: the array has the shape {np.shape(what)}, and what chooses from it"
                        f" has the shape {np.shape(index)}. A table of True and False must have the array's own shape."
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
            return f"`{listed(names)}` are {len(names)} names, and `{ast.unparse(node.value)}` holds {count}: {what}."
    return ""


# ---- nan ---------------------------------------------------------------------------------------------------


def nan_reason(program: Program | None, arguments: Mapping) -> str:
    """Where a function's first nan comes from, in a sentence, or ""."""
    if program is None:
        return ""
    _, values = program.run(arguments)
    return _of_nan(program, values)


def _of_nan(program: Program, values) -> str:
    """The first expression that holds a nan, or +inf before it, though nothing inside of it does."""
    for part in program.parts:
        own = [x for x in values[part.number] if isinstance(x, (np.ndarray, float, np.floating))]
        if not any(_bad(x) for x in own):
            continue
        inside = [x for n in part.inner for x in values[n]]
        if any(_bad(x) for x in inside):
            return ""
        why = _why_nan(part.node, inside)
        return f"The first nan is in {program.where(part.line)}: `{brief(part.text)}`. {why}".rstrip()
    return ""


def _bad(value) -> bool:
    return isinstance(value, (np.ndarray, float, np.floating)) and bool(
        np.isnan(np.asarray(value, float)).any()
    )


def _infinite(value) -> bool:
    return isinstance(value, (np.ndarray, float, np.floating)) and bool(
        np.isinf(np.asarray(value, float)).any()
    )


def _why_nan(node, inside: Sequence) -> str:
    numbers = [x for x in inside if isinstance(x, (np.ndarray, int, float, np.number)) and not callable(x)]
    if isinstance(node, ast.Attribute) and node.attr == "nan" or isinstance(node, ast.Constant):
        return "A nan spreads to all that it's combined with: hidden scores are −inf instead."
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, (ast.Mult, ast.MatMult))
        and any(map(_infinite, numbers))
    ):
        return "There 0 is multiplied by infinity, which is nan. np.where(mask, scores, -np.inf) multiplies nothing."
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and len(numbers) == 2:
        top, bottom = (np.asarray(x, float) for x in numbers)
        if np.isinf(top).any() and np.isinf(bottom).any():
            return "There infinity is divided by infinity: e to a large power overflows. Subtract each row's largest score first."
        if (bottom == 0).any():
            return "There 0 is divided by 0."
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, (ast.Sub, ast.Add))
        and all(map(_infinite, numbers))
    ):
        return "There infinity is subtracted from infinity."
    name = _called(node)
    if name in ("sqrt", "log", "power") or isinstance(getattr(node, "op", None), ast.Pow):
        return "A negative number has no square root or logarithm."
    if name == "softmax":
        return "Softmax got a row in which every score is −inf, or one that is +inf."
    if any(map(_infinite, numbers)):
        return "There infinity meets infinity, or 0."
    return ""
