"""Small changes to a function, one at a time, each with the sentence that is true if it makes it right."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from helpers.checks.calls import other_calls, other_functions, wrapped
from helpers.checks.program import Program
from helpers.checks.rewrites import constants, dropped, names, operators

__all__ = ["Edit", "edits"]


@dataclass(frozen=True)
class Edit:
    """A changed function, what is wrong if it is right, and the part and line that were changed."""

    make: Callable[[], Callable]
    sentence: str
    line: int
    part: int = -1


def edits(program: Program, values: list[list]) -> Iterator[Edit]:
    """Every change that is tried, the likeliest first.

    values: those of the parts in one run
    """
    yield from _statements(program)
    for changes in (dropped, constants, names, operators, other_calls, other_functions, wrapped):
        for part in program.parts:
            value = values[part.number][0] if values[part.number] else None
            for node, sentence in changes(program, part, value, values):
                yield Edit(_maker(program, part, node), sentence, part.line, part.number)


def _maker(program, part, node):
    return lambda: program.with_part(part.number, node)


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
                text = ast.unparse(block[i - 1])
                words = f"`{text}` stands before the loop, so it isn't reset for a new round."
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
