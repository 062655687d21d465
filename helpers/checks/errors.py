"""Why an answer stopped with an error: told from the values and shapes in its line, not from the error's
text alone."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Sequence

import numpy as np

from helpers.checks.exercises import Case
from helpers.checks.run import Failure

__all__ = ["raised", "reason"]

# What PyTorch, TensorFlow and Keras call a thing, and what NumPy calls it.
_ATTRIBUTES = {
    "view": "x.reshape(…)",
    "masked_fill": "np.where(mask, x, −np.inf)",
    "masked_fill_": "np.where(mask, x, −np.inf)",
    "permute": "x.transpose(…)",
    "size": "x.shape",
    "unsqueeze": "x[:, None]",
    "softmax": "softmax(x)",
    "t": "x.T",
    "contiguous": "np.ascontiguousarray(x), which you don't need here",
    "cat": "np.concatenate",
    "matmul": "x @ y",
    "mm": "x @ y",
    "bmm": "x @ y",
    "exp": "np.exp(x)",
    "sqrt": "np.sqrt(x)",
    "chunk": "np.split",
    "expand": "np.broadcast_to",
    "dim": "x.ndim",
    "float": "x.astype(float)",
    "numpy": "x itself",
    "detach": "x itself",
    "abs": "np.abs(x)",
    "log": "np.log(x)",
    "pow": "x ** 2",
    "norm": "np.linalg.norm(x)",
    "unbind": "list(x)",
    "index_select": "x[:, columns]",
    "narrow": "x[:, start:stop]",
    "append": "np.append(x, …), or a list",
    "concat": "np.concatenate",
    "concatenate": "np.concatenate",
    "stack": "np.stack",
    "T_": "x.T",
    "mT": "x.swapaxes(-1, -2)",
    "relu": "np.maximum(x, 0)",
    "clamp": "np.clip(x, …)",
    "reduce_sum": "x.sum(axis=…)",
    "tensor": "np.array",
    "cast": "x.astype(…)",
    "logical_not": "~mask",
    "bool": "x.astype(bool)",
    "type": "x.dtype",
    "flip": "np.flip(x, …)",
    "repeat_interleave": "np.repeat",
    "scatter_": "an assignment such as x[i] = …",
    "item_": "x.item()",
    "split_heads": "reshape, then swapaxes",
    "length": "len(x)",
    "maximum": "x.max(axis=…)",
    "multiply": "x * y",
}
_MODULES = {
    "softmax": (
        "NumPy has no softmax: call the course's softmax(scores), or write np.exp and divide by the sum"
    ),
    "cat": "NumPy calls it np.concatenate",
    "concat": "NumPy calls it np.concatenate",
    "bmm": "NumPy writes it x @ y",
    "mm": "NumPy writes it x @ y",
    "masked_fill": "NumPy writes it np.where(mask, x, −np.inf)",
    "tensor": "NumPy calls it np.array",
    "norm": "NumPy calls it np.linalg.norm",
    "batch_matmul": "NumPy writes it x @ y",
}
_KEYWORDS = {
    "dim": "axis",
    "keepdim": "keepdims",
    "dims": "axes",
    "axes": "axis",
    "input": "its first argument",
}
_OTHERS = {"torch", "F", "nn", "tf", "keras", "jnp", "K", "functional"}


def raised(failure: Failure, case: Case) -> str:
    """The error as it came, and what the function was called with."""
    where = f"in line {failure.line}, `{failure.source}`\n" if failure.line > 0 and failure.source else ""
    given = ", ".join(
        f"{name} {x.shape}" if isinstance(x, np.ndarray) else f"{name} = {x}"
        for name, x in case.arguments.items()
    )
    return f"{where}{failure.kind}: {_cut(failure.message)}\nIt was called with {given}."


def reason(failures: Sequence[Failure], cases: Sequence[Case]) -> str:
    """What went wrong, in a sentence or two that hold in every case, or ""."""
    sentences = [_reason(failure, case) for failure, case in zip(failures, cases)]
    return sentences[0] if all(sentences) else ""


def _reason(failure: Failure, case: Case) -> str:
    if failure.kind == "NameError" or failure.kind == "UnboundLocalError":
        return _unknown_name(failure, case)
    if failure.kind == "AttributeError":
        return _attribute(failure)
    if failure.kind == "TypeError" and (found := re.search(r"keyword argument '(\w+)'", failure.message)):
        if found[1] in _KEYWORDS:
            return f"{found[1]} is PyTorch's or another library's word. NumPy calls it {_KEYWORDS[found[1]]}."
        return f"The function that you call has no argument named {found[1]}."
    if failure.kind == "RecursionError":
        return "The function calls itself again and again: nothing makes it stop."
    if failure.kind in ("ModuleNotFoundError", "ImportError"):
        return "That package isn't needed here, and isn't installed: NumPy is enough."
    if not failure.source:
        return ""
    return _operation(failure) or _simple(failure)


def _unknown_name(failure, case):
    found = re.search(r"'(\w+)'", failure.message)
    name = found[1] if found else ""
    if failure.kind == "UnboundLocalError":
        return f"{name} is used before anything is assigned to it." if name else ""
    if name in _OTHERS:
        return f"{name} isn't here: the exercise is in NumPy, which is np."
    close = [known for known in [*case.arguments, *failure.values] if _alike(name, known)]
    near = f" Is it {close[0]}?" if close else ""
    given = ", ".join(case.arguments)
    return f"Nothing is named {name} here.{near} Your function is given {given}." if name else ""


def _alike(a: str, b: str) -> bool:
    return (
        a != b
        and not b.startswith("_")
        and b not in dir(builtins)
        and (
            a.lower().strip("_") == b.lower().strip("_")
            or a + "s" == b
            or a == b + "s"
            or sorted(a) == sorted(b)
        )
    )


def _attribute(failure):
    module = re.search(r"module '(numpy[\w.]*)' has no attribute '(\w+)'", failure.message)
    if module:
        return (
            f"{_MODULES[module[2]]}." if module[2] in _MODULES else f"NumPy has nothing called {module[2]}."
        )
    found = re.search(r"'([\w.]+)' object has no attribute '(\w+)'", failure.message)
    if not found:
        return ""
    kind, name = found[1].rpartition(".")[2], found[2]
    if kind == "ndarray":
        word = _ATTRIBUTES.get(name)
        return (
            f"An array has no {name}. NumPy writes it {word}."
            if word
            else f"A NumPy array has nothing called {name}."
        )
    what = {"NoneType": "None, so a step before it returned nothing", 
            "list": "a list: make it np.array(…) first", "tuple": "a tuple: take one of its parts first",
            "function": "a function: call it, with brackets", "int": "a whole number",
            "float": "one number"}.get(kind, f"a {kind}")  # fmt: skip
    return f".{name} is asked of {what}."


def _operation(failure):
    """The innermost operation of the line that fails, by the shapes of what it works on."""
    try:
        tree = ast.parse(failure.source.rstrip(":"))
    except SyntaxError:
        return ""
    nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.BinOp, ast.Call, ast.Subscript))]
    for node in sorted(nodes, key=lambda n: (n.end_col_offset or 0, -n.col_offset)):
        if _value(node, failure.values) is not None:
            continue
        if isinstance(node, ast.BinOp):
            left, right = (_value(side, failure.values) for side in (node.left, node.right))
            if left is None or right is None:
                continue
            return _binary(node, left, right)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return _method(node, failure)
        if isinstance(node, ast.Subscript):
            array = _value(node.value, failure.values)
            if isinstance(array, np.ndarray) and failure.kind == "IndexError":
                return (
                    f"`{ast.unparse(node)}` looks for a position that doesn't exist:"
                    f" {ast.unparse(node.value)} has the shape {array.shape}, and positions are counted"
                    " from 0."
                )
    return ""


def _binary(node, left, right):
    a, b = ast.unparse(node.left), ast.unparse(node.right)
    if any(x is None or isinstance(x, str) for x in (left, right)) or not all(
        isinstance(x, (np.ndarray, float, int, np.generic)) for x in (left, right)
    ):
        kinds = " and ".join(type(x).__name__ for x in (left, right))
        return f"`{ast.unparse(node)}` works on {kinds}: make arrays of them first."
    m, n = np.shape(left), np.shape(right)
    if isinstance(node.op, ast.MatMult):
        if not m or not n:
            return (
                f"`{ast.unparse(node)}`: a matrix product needs two arrays, and one of these is a single"
                " number. Multiply with *."
            )
        inner = n[-2] if len(n) > 1 else n[-1]
        if m[-1] == inner:
            return (
                f"`{ast.unparse(node)}` multiplies {m} by {n}: the axes before the last two, {m[:-2]} and"
                f" {n[:-2]}, don't fit each other."
            )
        said = (
            f"`{ast.unparse(node)}` multiplies {m} by {n}: the {m[-1]} numbers in a row of {a} would have to"
            f" meet {inner} rows of {b}."
        )
        if len(n) > 1 and m[-1] == n[-1]:
            fits = f"{b}.T" if len(n) == 2 else f"{b}.swapaxes(-1, -2)"
            return f"{said} It fits with the last two axes of {b} swapped: {fits}."
        if len(m) > 1 and m[-2] == inner:
            return f"{said} It would fit with {a} transposed."
        return said
    padded = [(1,) * (max(len(m), len(n)) - len(s)) + s for s in (m, n)]
    at = next((i for i, (p, q) in enumerate(zip(*padded)) if p != q and 1 not in (p, q)), None)
    if at is None:
        return ""
    said = (
        f"`{ast.unparse(node)}` puts {m} and {n} together number by number, and {padded[0][at]} doesn't fit"
        f" {padded[1][at]}."
    )
    lost = len(n) == len(m) - 1 and n == m[:-1]
    if lost and re.search(r"\b(sum|max|mean|amax|min|norm)\b", b + a) or lost:
        return (
            f"{said} One number for each row needs the shape {(*n, 1)}: keepdims=True keeps that axis, or"
            " write [..., None]."
        )
    return said


def _method(node, failure):
    name = node.func.attr
    array = _value(node.func.value, failure.values)
    text = ast.unparse(node)
    if isinstance(array, np.ndarray):
        if name in ("reshape", "view", "resize") and "reshape" in failure.message:
            return (
                f"`{text}`: {ast.unparse(node.func.value)} has the shape {array.shape}, which is {array.size}"
                " numbers, and they don't fill the new shape."
            )
        if (
            failure.kind in ("AxisError", "ValueError", "IndexError")
            and "axis" in failure.message
            or "axes" in failure.message
        ):
            return (
                f"`{text}`: {ast.unparse(node.func.value)} has {array.ndim} axes, {array.shape}, numbered 0"
                f" to {array.ndim - 1}; one that you name isn't among them, or isn't named once."
            )
    shapes = [
        f"{ast.unparse(x)} {np.shape(v)}"
        for x in node.args
        if isinstance(v := _value(x, failure.values), np.ndarray)
    ]
    if shapes and failure.kind == "ValueError":
        return f"`{text}` doesn't work for these shapes: {', '.join(shapes)}."
    if shapes and failure.kind == "TypeError":
        return f"`{text}` isn't how {ast.unparse(node.func)} is called; it was given {', '.join(shapes)}."
    return ""


def _simple(failure):
    if failure.kind == "IndexError" and "too many indices" in failure.message:
        return "There are more indices between the brackets than the array has axes."
    if failure.kind == "IndexError":
        return (
            "A position is asked for that doesn't exist: positions are counted from 0, so the last is the"
            " length minus 1."
        )
    if failure.kind == "ValueError" and "unpack" in failure.message:
        return "The line takes a value apart into a number of names that isn't the number of its parts."
    if failure.kind == "TypeError" and "missing" in failure.message:
        return "A function is called with too few arguments."
    if failure.kind == "TypeError" and "not callable" in failure.message:
        return "Brackets follow something that isn't a function: is a * or an @ missing?"
    if failure.kind == "ZeroDivisionError":
        return "Something is divided by 0."
    if failure.kind == "ValueError" and "NaN" in failure.message:
        return (
            "NaN was made before softmax: 0 times infinity is NaN. To hide a score, write np.where(mask,"
            " scores, -np.inf)."
        )
    if failure.kind == "TypeError" and ("integer" in failure.message or "float" in failure.message):
        return (
            "A float stands where a whole number is needed, as in a shape or a position: use // instead of /."
        )
    return ""


def _value(node: ast.expr, values: dict):
    """What a part of the line gives, or None where it fails. Only names, operations and NumPy's own calls
    are tried."""
    for inside in ast.walk(node):
        if isinstance(
            inside, (ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield, ast.ListComp, ast.GeneratorExp)
        ):
            return None
    try:
        with np.errstate(all="ignore"):
            return eval(compile(ast.Expression(node), "<line>", "eval"), dict(values))
    except Exception:
        return None


def _cut(text, length=200):
    return text if len(text) <= length else text[:length] + " …"
