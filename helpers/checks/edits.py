"""Small changes to a function, one at a time, each with the sentence that is true if it makes the function right."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from helpers.checks.messages import brief
from helpers.checks.program import Part, Program

__all__ = ["Edit", "edits"]


@dataclass(frozen=True)
class Edit:
    """A changed function, what is wrong if it is right, and the part and line that were changed."""

    make: Callable[[], Callable]
    sentence: str
    line: int
    part: int = -1


def edits(program: Program, values: list[list]) -> Iterator[Edit]:
    """Every change that is tried, the smallest and likeliest first; values are those of the parts in one run."""
    yield from _statements(program)
    for changes in (_dropped, _constants, _names, _operators, _calls, _methods, _wrapped):
        for part in program.parts:
            value = values[part.number][0] if values[part.number] else None
            for node, sentence in changes(program, part, value, values):
                yield Edit(_maker(program, part, node), sentence, part.line, part.number)


def _maker(program, part, node):
    return lambda: program.with_part(part.number, node)


Changes = Iterator[tuple[ast.expr, str]]


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _constants(program: Program, part: Part, value, values) -> Changes:
    node, parent = part.node, program.parents.get(part.number)
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    if negative and isinstance(node.operand, ast.Constant):
        value = values[part.number][0] if values[part.number] else None
    elif not isinstance(node, ast.Constant) or (parent and isinstance(parent.node, ast.UnaryOp)):
        return
    if not isinstance(value, (bool, int, float)):
        return
    keyword = _keyword_of(program, part)
    before = f"{keyword}={part.text}" if keyword else part.text
    context = "" if parent is None or keyword else f" (in `{brief(parent.text)}`)"
    if isinstance(value, bool):
        yield ast.Constant(not value), f"`{before}` should be {not value}."
        return
    for other in (-1, 0, 1, 2, -2, 3, 0.5) if keyword in ("axis", "dim") else (0, 1, -1, 2, -2, 3, 0.5):
        if other == value and isinstance(value, int):
            continue
        after = f"{keyword}={other}" if keyword else f"{other}"
        words = _axis_words(keyword, before, after) or f"`{before}` should be `{after}`{context}."
        yield _expression(str(other)), words


def _axis_words(keyword, before, after):
    if keyword not in ("axis", "dim"):
        return ""
    return (
        f"`{before}` runs along the wrong axis: `{after}` is right. "
        "axis=0 runs down the columns, and axis=-1 along each row, from key to key."
    )


def _keyword_of(program, part):
    for each in program.parts:
        for keyword in getattr(each.node, "keywords", []):
            value = keyword.value.operand if isinstance(keyword.value, ast.UnaryOp) else keyword.value
            if keyword.value is part.node or value is part.node:
                return keyword.arg
    return ""


def _names(program: Program, part: Part, value, values) -> Changes:
    if not isinstance(part.node, ast.Name) or callable(value) or value is None:
        return
    known = {argument.arg: None for argument in program.function.args.args}
    for other in program.parts[: part.number]:
        if (
            isinstance(other.node, ast.Name)
            and values[other.number]
            and not callable(values[other.number][0])
        ):
            known[other.text] = None
    for name in known:
        if name != part.text and not name.startswith("np"):
            yield ast.Name(name, ast.Load()), f"`{brief(part.text)}` stands where `{name}` belongs."


_SIGNS: Mapping[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.MatMult: "@",
    ast.Pow: "**",
    ast.Mod: "%",
}
_INSTEAD: Mapping[type, dict[type, str]] = {
    ast.Mult: {
        ast.MatMult: "`*` multiplies number by number. `@` is the matrix product",
        ast.Div: "`*` multiplies where it should divide",
        ast.Add: "`*` multiplies where it should add",
        ast.Sub: "`*` multiplies where it should subtract",
    },
    ast.MatMult: {ast.Mult: "`@` is the matrix product. Here `*`, number by number, is meant"},
    ast.Add: {
        ast.Sub: "`+` adds where it should subtract",
        ast.Mult: "`+` adds where it should multiply",
        ast.MatMult: "`+` adds where the matrix product `@` belongs",
        ast.Div: "`+` adds where it should divide",
    },
    ast.Sub: {
        ast.Add: "`-` subtracts where it should add",
        ast.Div: "`-` subtracts where it should divide",
        ast.Mult: "`-` subtracts where it should multiply",
    },
    ast.Div: {
        ast.Mult: "`/` divides where it should multiply",
        ast.Sub: "`/` divides where it should subtract",
    },
    ast.FloorDiv: {ast.Div: "`//` drops what comes after the decimal point. `/` keeps it"},
    ast.Pow: {ast.Mult: "`**` raises to a power where it should multiply"},
}
_COMPARED: Mapping[type, type] = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_NEARLY: Mapping[type, type] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


def _operators(program: Program, part: Part, value, values) -> Changes:
    node = part.node
    if isinstance(node, ast.BinOp):
        for other, words in _INSTEAD.get(type(node.op), {}).items():
            yield ast.BinOp(node.left, other(), node.right), f"{words} (in `{brief(part.text)}`)."
        if isinstance(node.op, (ast.MatMult, ast.Sub, ast.Div)):
            swapped = ast.BinOp(node.right, node.op, node.left)
            yield (
                swapped,
                f"The two sides of `{brief(part.text)}` are swapped: `{ast.unparse(swapped)}` is right.",
            )
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for table, words in ((_COMPARED, "is the wrong way round"), (_NEARLY, "is off by one at its limit")):
            if type(node.ops[0]) in table:
                other = ast.Compare(node.left, [table[type(node.ops[0])]()], node.comparators)
                yield other, f"`{brief(part.text)}` {words}: `{ast.unparse(other)}` is right."
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Invert, ast.Not, ast.USub)):
        inside = ast.unparse(node.operand)
        if isinstance(value, np.ndarray) and value.dtype == bool or value is None:
            words = "NumPy's `-` doesn't turn True into False, and `~` does"
            yield ast.UnaryOp(ast.Invert(), node.operand), f"{words}: `~{inside}`."
        words = "has the wrong sign" if isinstance(node.op, ast.USub) else "is the wrong way round"
        yield node.operand, f"`{brief(part.text)}` {words}: `{inside}` is right."


_AGAIN = ("softmax", "exp")
_ROUNDS = ("int", "round", "floor", "ceil", "rint", "trunc", "around")


def _name_of(node) -> str:
    function = getattr(node, "func", None)
    return getattr(function, "attr", "") or getattr(function, "id", "")


def _calls(program: Program, part: Part, value, values) -> Changes:
    """A call without what it calls, or with its arguments in another order."""
    node = part.node
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
    inside = node.func.value if method and isinstance(node.func, ast.Attribute) else (node.args or [None])[0]
    if inside is not None and not isinstance(inside, ast.Starred):
        text = brief(ast.unparse(inside))
        if name in _ROUNDS or (name == "astype" and "int" in part.text):
            words = (
                f"`{brief(part.text)}` drops what comes after the decimal point: `{text}` itself is right."
            )
        elif name in ("swapaxes", "transpose", "moveaxis"):
            words = f"`{brief(part.text)}` swaps axes that should stay: `{text}` is right."
        elif name in _AGAIN or any(name and _name_of(each) == name for each in ast.walk(inside)):
            words = f"`{name}` is applied once more than it should be: `{text}` is right there."
        else:
            words = f"`{name}` is applied where it shouldn't be: `{text}` itself is right there."
        yield inside, words
    if name == "where" and len(node.args) == 3:
        other = ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], [])
        yield (
            other,
            f"In `{brief(part.text)}` the last two arguments are swapped: np.where takes first what stands where the "
            "condition is True. So the mask is the wrong way round.",
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
                    node.func, node.args, [*node.keywords, ast.keyword("axis", _expression(str(axis)))]
                )
                yield (
                    other,
                    f"`{brief(part.text)}` isn't told the axis: `axis={axis}` is missing. {_no_axis(name)}",
                )
        if "axis" not in given and len(node.args) < 2 and name in _REDUCTIONS:
            more = [ast.keyword("axis", _expression("-1")), ast.keyword("keepdims", ast.Constant(True))]
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
    "without it the result loses that axis, and what it's combined with is matched to the wrong one: row i gets "
    "the number of row j."
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


def _methods(program: Program, part: Part, value, values) -> Changes:
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
                f"`{name}` stands where `{other}` belongs (in `{brief(part.text)}`).",
            )


def _wrapped(program: Program, part: Part, value, values) -> Changes:
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
            _expression(f"({text}) ** 0.5"),
            f"The square root is missing: `{text}` should be `np.sqrt({text})`.",
        )
        yield _expression(f"({text}) + 1"), f"`{text}` is too small by 1."
        yield _expression(f"({text}) - 1"), f"`{text}` is too large by 1."
        yield _expression(f"-({text})"), f"`{text}` has the wrong sign."
    if isinstance(value, np.ndarray) and value.ndim:
        if value.dtype == bool:
            yield _expression(f"~({text})"), f"`{text}` is the wrong way round: `~{inside}` is right."
            if value.ndim == 2:
                yield _expression(f"({text}).T"), f"`{text}` has to be transposed."
            return
        yield _expression(f"({text}).swapaxes(-1, -2)"), _transpose_words(value, inside)
        yield _expression(f"({text}).swapaxes(0, 1)"), f"The first two axes of `{text}` have to be swapped."
        yield _expression(f"-({text})"), f"`{text}` has the wrong sign."
        yield _expression(f"np.exp({text})"), f"The exponential is missing: `np.exp({text})`."
        yield (
            _expression(f"({text}).sum(axis=-1)"),
            f"`{text}` isn't summed yet: the sum over its last axis is missing.",
        )
        if value.ndim == 1:
            yield (
                _expression(f"({text})[:, None]"),
                f"`{text}` needs a second axis, `[:, None]`: {_LOST_AXIS}",
            )
        yield (
            _expression(f"({text}) / ({text}).sum(axis=-1, keepdims=True)"),
            f"`{text}` isn't divided by the sum of its rows.",
        )
        yield _expression(f"({text}).astype(float)"), _WHOLE.format(text=text)
        yield _expression(f"({text})[::-1]"), f"`{text}` is in reverse order."
        yield _expression(f"({text})[..., ::-1]"), f"The columns of `{text}` are in reverse order."
        if "softmax" in program.space:
            yield _expression(f"softmax({text})"), f"softmax is missing: `softmax({text})`."


_WHOLE = "`{text}` holds whole numbers, and so can't keep what comes after the decimal point: it needs dtype=float."


def _transpose_words(value, inside):
    if value.ndim == 2:
        return f"`{inside}` has to be transposed: `{inside}.T`."
    return f"The last two axes of `{inside}` have to be swapped: `{inside}.swapaxes(-1, -2)`."


_DONE = {
    ast.Add: "is added, and shouldn't be",
    ast.Sub: "is subtracted, and shouldn't be",
    ast.Mult: "is multiplied in, and shouldn't be",
    ast.Div: "shouldn't be divided by",
    ast.FloorDiv: "shouldn't be divided by",
    ast.MatMult: "shouldn't be multiplied in",
    ast.Pow: "is one power too many",
}


def _dropped(program: Program, part: Part, value, values) -> Changes:
    """An operation with one of its two sides left out."""
    if isinstance(part.node, ast.BinOp):
        left, right = part.node.left, part.node.right
        words = _DONE.get(type(part.node.op), "is too much")
        yield left, f"`{ast.unparse(right)}` {words}: `{ast.unparse(left)}` alone is right."
        if isinstance(part.node.op, (ast.Add, ast.Mult, ast.MatMult)):
            yield right, f"`{ast.unparse(left)}` {words}: `{ast.unparse(right)}` alone is right."
    if isinstance(part.node, ast.Subscript):
        yield (
            part.node.value,
            f"`{brief(part.text)}` takes a part only: `{ast.unparse(part.node.value)}` is right.",
        )
    if isinstance(part.node, ast.IfExp):
        yield part.node.body, f"`{ast.unparse(part.node.orelse)}` is never right in `{brief(part.text)}`."
        yield part.node.orelse, f"`{ast.unparse(part.node.body)}` is never right in `{brief(part.text)}`."


# ---- statements --------------------------------------------------------------------------------------------


def _statements(program: Program) -> Iterator[Edit]:
    body = program.function.body
    for path, block in _blocks(body, ()):
        for i, line in enumerate(block):
            if isinstance(line, ast.Return) and path and isinstance(_at(body, path[:-1]), ast.For):
                moved = _without(body, path, i, after=line)
                words = "return stands inside the loop, so the function ends in the first round."
                yield Edit(_body(program, moved), f"{words} It belongs after the loop.", line.lineno)
            if path and isinstance(line, ast.Assign) and isinstance(_at(body, path[:-1]), ast.For):
                moved = _without(body, path, i, before=line)
                words = f"`{ast.unparse(line)}` stands inside the loop, so it starts again in each round."
                yield Edit(_body(program, moved), f"{words} It belongs before the loop.", line.lineno)
            if isinstance(line, ast.For) and i and isinstance(block[i - 1], ast.Assign):
                inner = copy.deepcopy(block)
                inner[i].body.insert(0, inner.pop(i - 1))  # type: ignore[attr-defined]
                words = f"`{ast.unparse(block[i - 1])}` stands before the loop, so it isn't reset for a new round."
                moved = _with_block(body, path, inner)
                yield Edit(_body(program, moved), f"{words} It belongs inside the loop.", block[i - 1].lineno)
            if not isinstance(line, (ast.Return, ast.FunctionDef)):
                dropped = _with_block(body, path, block[:i] + block[i + 1 :] or [ast.Pass()])
                text = ast.unparse(line).splitlines()[0]
                yield Edit(
                    _body(program, dropped),
                    f"The line `{text}` is too much: without it, it's right.",
                    line.lineno,
                )


def _body(program, body):
    return lambda: program.with_body(body)


def _blocks(block, path) -> Iterator[tuple[tuple, list]]:
    yield path, block
    for i, line in enumerate(block):
        for name in ("body", "orelse"):
            inside = getattr(line, name, None)
            if isinstance(inside, list) and inside and not isinstance(line, (ast.FunctionDef, ast.ClassDef)):
                yield from _blocks(inside, (*path, i, name))


def _at(body, path):
    """The statement or block under a path of indices and names."""
    found = body
    for step in path:
        found = found[step] if isinstance(step, int) else getattr(found, step)
    return found


def _with_block(body, path, block):
    if not path:
        return block
    changed = copy.deepcopy(body)
    setattr(_at(changed, path[:-1]), path[-1], copy.deepcopy(block))
    return changed


def _without(body, path, index, before=None, after=None):
    """The statements with one taken out of a loop and put before or after it."""
    changed = copy.deepcopy(body)
    block = _at(changed, path)
    del block[index]
    if not block:
        block.append(ast.Pass())
    outer = _at(changed, path[:-2])
    at = path[-2] + (after is not None)
    outer.insert(at, copy.deepcopy(after or before))
    return changed
