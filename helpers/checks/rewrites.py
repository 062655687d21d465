"""Other constants, names, operators and operands in the place of a part, each with what it would show."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import numpy as np

from helpers.checks.messages import brief
from helpers.checks.program import Part, Program

__all__ = ["Changes", "constants", "dropped", "expression", "names", "operators"]

Changes = Iterator[tuple[ast.expr, str]]


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def constants(program: Program, part: Part, value, values) -> Changes:
    node, parent = part.node, program.parents.get(part.number)
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
    ):
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
        yield expression(str(other)), words


def _axis_words(keyword, before, after):
    if keyword not in ("axis", "dim"):
        return ""
    return (
        f"`{before}` runs along the wrong axis: `{after}` is right. axis=0 runs down the columns, and"
        " axis=-1 along each row, from key to key."
    )


def _keyword_of(program, part):
    for each in program.parts:
        for keyword in getattr(each.node, "keywords", []):
            value = keyword.value.operand if isinstance(keyword.value, ast.UnaryOp) else keyword.value
            if keyword.value is part.node or value is part.node:
                return keyword.arg
    return ""


def names(program: Program, part: Part, value, values) -> Changes:
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


def operators(program: Program, part: Part, value, values) -> Changes:
    node = part.node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.left, ast.Constant):
        power = ast.Call(expression("np.exp"), [node.right], [])
        yield (
            power,
            f"`{ast.unparse(node.left)} **` makes powers of {ast.unparse(node.left)}, and e"
            f" belongs there: np.exp.",
        )
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
                new = ast.Compare(node.left, [table[type(node.ops[0])]()], node.comparators)
                yield new, f"`{brief(part.text)}` {words}: `{ast.unparse(new)}` is right."
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Invert, ast.Not, ast.USub)):
        inside = ast.unparse(node.operand)
        if isinstance(value, np.ndarray) and value.dtype == bool or value is None:
            words = "NumPy's `-` doesn't turn True into False, and `~` does"
            yield ast.UnaryOp(ast.Invert(), node.operand), f"{words}: `~{inside}`."
        words = "has the wrong sign" if isinstance(node.op, ast.USub) else "is the wrong way round"
        yield node.operand, f"`{brief(part.text)}` {words}: `{inside}` is right."


_DONE = {
    ast.Add: "is added, and shouldn't be",
    ast.Sub: "is subtracted, and shouldn't be",
    ast.Mult: "is multiplied in, and shouldn't be",
    ast.Div: "shouldn't be divided by",
    ast.FloorDiv: "shouldn't be divided by",
    ast.MatMult: "shouldn't be multiplied in",
    ast.Pow: "is one power too many",
}


def dropped(program: Program, part: Part, value, values) -> Changes:
    """An operation with one of its two sides left out."""
    if isinstance(part.node, ast.BinOp):
        left, right = part.node.left, part.node.right
        words = _DONE.get(type(part.node.op), "is too much")
        yield left, f"`{ast.unparse(right)}` {words}: `{ast.unparse(left)}` alone is right."
        if isinstance(part.node.op, (ast.Add, ast.Mult, ast.MatMult)):
            yield right, f"`{ast.unparse(left)}` {words}: `{ast.unparse(right)}` alone is right."
    if isinstance(part.node, ast.Subscript) and isinstance(part.node.slice, (ast.Slice, ast.Name)):
        cut = part.node.slice
        columns = ast.Subscript(part.node.value, ast.Tuple([ast.Slice(), cut], ast.Load()), ast.Load())
        yield columns, f"`{brief(part.text)}` cuts rows. Columns are needed: `[:, …]`."
    if isinstance(part.node, ast.Subscript) and isinstance(part.node.slice, ast.Tuple):
        first, *rest = part.node.slice.elts
        if isinstance(first, ast.Slice) and first.lower is first.upper is None and len(rest) == 1:
            rows = ast.Subscript(part.node.value, rest[0], ast.Load())
            yield rows, f"`{brief(part.text)}` cuts columns. Rows are needed, without `:,` in front."
    if isinstance(part.node, ast.Subscript):
        yield (
            part.node.value,
            f"`{brief(part.text)}` leaves out a part: all of `{ast.unparse(part.node.value)}` is needed.",
        )
    if isinstance(part.node, ast.IfExp):
        yield part.node.body, f"`{ast.unparse(part.node.orelse)}` is never right in `{brief(part.text)}`."
        yield part.node.orelse, f"`{ast.unparse(part.node.body)}` is never right in `{brief(part.text)}`."
