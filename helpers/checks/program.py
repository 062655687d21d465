"""A learner's function with each of its parts in reach: its value, and the function with another one there.

The source is parsed, every expression is wrapped in a call that records its value, and the result runs in the
function's own namespace. So a diagnosis can say in which part a slip is, instead of guessing from the result.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from helpers.checks.run import Failure, Result, call, where
from helpers.checks.source import source_of

__all__ = ["Part", "Program", "called", "seen_outside"]

SECONDS = 1.0  # for one run; the answer has run before, within its limit
MANY = 200  # values of one part that are kept
_SEEN = "_seen_by_the_check"
_SKIPPED = (ast.Slice, ast.Starred, ast.GeneratorExp, ast.Lambda, ast.Yield, ast.YieldFrom, ast.Await)


@dataclass(frozen=True)
class Part:
    """An expression of the function: its number in the order of evaluation, its text, and its line."""

    number: int
    text: str
    node: ast.expr
    line: int
    inner: tuple[int, ...]  # the parts that are directly inside


class Program:
    """A function that can be run with its parts recorded, or with one of them exchanged.

    parts:   every expression, innermost first, as Python evaluates them
    parents: for a part's number, the part that it stands in
    """

    def __init__(self, function: Callable):
        code = function.__code__
        first, tree = code.co_firstlineno, ast.parse(source_of(function))
        found = [
            node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == code.co_name
        ]
        if not found or code.co_freevars or inspect.isgeneratorfunction(function):
            raise ValueError("there's no plain function definition to read")
        self.function, self.name, self.file = found[0], code.co_name, code.co_filename
        self.function.decorator_list = []
        self.space = function.__globals__
        self.first = first
        self.parts: list[Part] = []
        for line in self.function.body:
            self._number(line)
        self.parents = {inner: part for part in self.parts for inner in part.inner}
        self.recorded = self._compiled(_Recording(self.parts).visit(copy.deepcopy(self.function)))

    @classmethod
    def of(cls, function: Callable) -> Program | None:
        """The program of a function, or None where its source isn't known."""
        try:
            return cls(function)
        except (OSError, TypeError, ValueError, SyntaxError, AttributeError, IndentationError):
            return None

    def _number(self, node: ast.AST) -> list[int]:
        """Number the expressions of a node from the inside out, and return those directly inside."""
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.JoinedStr)):
            inner = [n for line in getattr(node, "body", []) for n in self._number(line)]
            return [] if isinstance(node, ast.JoinedStr) else inner
        inside = [n for child in _in_order(node) for n in self._number(child)]
        if not _worth(node):
            return inside
        node.part = len(self.parts)  # type: ignore[attr-defined]
        line = getattr(node, "lineno", 1)
        self.parts.append(Part(len(self.parts), ast.unparse(node), node, line, tuple(inside)))  # type: ignore[arg-type]
        return [len(self.parts) - 1]

    def _compiled(self, function: ast.FunctionDef):
        module = ast.fix_missing_locations(ast.Module([function], []))
        return compile(module, "<the learner's function>", "exec")

    def _defined(self, compiled, seen: Callable | None = None) -> Callable:
        space = dict(self.space)
        if seen:
            space[_SEEN] = seen
        exec(compiled, space)
        return space[self.name]

    def run(self, arguments: Mapping[str, object]) -> tuple[Result | Failure, list[list]]:
        """What the function returns, and the values that each part had, in their order."""
        values: list[list] = [[] for _ in self.parts]
        self.last: list[int] = []  # the parts in the order in which they were evaluated, the last ones

        def seen(number, value):
            self.last.append(number)
            if len(self.last) > 5_000:
                del self.last[:-500]
            if len(values[number]) < MANY:
                values[number].append(_copied(value))
            return value

        return call(self._defined(self.recorded, seen), arguments, SECONDS), values

    def with_value(self, number: int, new: Callable[[int], object]) -> Callable:
        """The function in which a part has another value: new(i) at its evaluation number i."""
        count = iter(range(10**9))

        def seen(other, value):
            return new(next(count)) if other == number else value

        def changed(*given):
            nonlocal count
            count = iter(range(10**9))
            return self._defined(self.recorded, seen)(*given)

        return changed

    def with_part(self, number: int, node: ast.expr) -> Callable:
        """The function in which another expression stands in the place of a part."""
        tree = _Exchange(number, node).visit(copy.deepcopy(self.function))
        return self._defined(self._compiled(tree))

    def with_body(self, body: list[ast.stmt]) -> Callable:
        """The function with other statements."""
        tree = copy.deepcopy(self.function)
        tree.body = copy.deepcopy(body)
        return self._defined(self._compiled(tree))

    def where(self, line: int) -> str:
        """A line of the cell or file in words; `line` counts as ast does, from the function's first line."""
        return where(self.file, line + self.first - 1)


_SEEN_OUTSIDE = {"plt", "pyplot", "display", "input", "open", "widgets", "os", "subprocess", "requests"}


def seen_outside(function: Callable) -> bool:
    """Whether a function may show or write something: then it isn't called again and again."""
    return bool(_SEEN_OUTSIDE & set(getattr(getattr(function, "__code__", None), "co_names", ())))


def called(node: ast.AST | None) -> str:
    """The name of the function or method that an expression calls, or ""."""
    function = getattr(node, "func", None)
    return getattr(function, "attr", "") or getattr(function, "id", "")


def _worth(node: ast.AST) -> bool:
    """Whether a node is an expression whose value can be recorded and exchanged."""
    return (
        isinstance(node, ast.expr)
        and not isinstance(node, _SKIPPED)
        and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        and not getattr(node, "called", False)
    )


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node in the order in which Python evaluates them."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, (ast.Attribute, ast.Name)):
            node.func.called = True  # type: ignore[union-attr]  # the method itself is no value of interest
        yield from (node.func, *node.args, *(keyword.value for keyword in node.keywords))
    elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        if node.value is not None:
            yield node.value
        yield from node.targets if isinstance(node, ast.Assign) else [node.target]
    elif isinstance(node, (ast.For, ast.comprehension)):
        yield node.iter
        yield from (child for child in ast.iter_child_nodes(node) if child is not node.iter)
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        yield from node.generators
        yield from (child for child in ast.iter_child_nodes(node) if child not in node.generators)
    elif isinstance(node, ast.Lambda):
        yield node.body
    else:
        yield from ast.iter_child_nodes(node)


class _Recording(ast.NodeTransformer):
    def __init__(self, parts):
        self.parts = parts

    def visit(self, node):
        number = getattr(node, "part", None)
        node = self.generic_visit(node)
        if number is None:
            return node
        name = ast.Name(_SEEN, ast.Load())
        return ast.copy_location(ast.Call(name, [ast.Constant(number), node], []), node)


class _Exchange(ast.NodeTransformer):
    def __init__(self, number, new):
        self.number, self.new = number, new

    def visit(self, node):
        if getattr(node, "part", None) == self.number:
            return ast.copy_location(copy.deepcopy(self.new), node)
        return self.generic_visit(node)


def _copied(value):
    if isinstance(value, np.ndarray):
        return value.copy() if value.size <= 100_000 else value
    return value
