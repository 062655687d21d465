"""The text of a function that the learner wrote."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable

__all__ = ["source_of"]


def source_of(function: Callable) -> str:
    """The function's lines without their common indent, or nothing where Python doesn't know them.

    >>> print(source_of(textwrap.indent).split("(")[0])
    def indent
    """
    try:
        return textwrap.dedent(_in_a_cell(function) or inspect.getsource(function))
    except (OSError, TypeError):
        return ""


def _in_a_cell(function):
    """The function in the cell that it was defined in, where that cell has a separator such as U+2028.

    Python counts lines at "\\n" alone. IPython remembers a cell cut at every separator that Unicode
    knows, so inspect.getsource would return another piece of the cell.
    """
    from IPython import get_ipython

    code, shell = getattr(function, "__code__", None), get_ipython()
    for cell in reversed(shell.history_manager.input_hist_parsed if code and shell else ()):
        lines = cell.split("\n")
        if lines == cell.splitlines() or code.co_name not in cell:
            continue
        for node in ast.walk(_parsed(cell)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == code.co_name:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                if first == code.co_firstlineno:
                    return "\n".join(lines[first - 1 : node.end_lineno]) + "\n"
    return ""


def _parsed(cell):
    try:
        return ast.parse(cell)
    except (SyntaxError, ValueError):
        return ast.Module([], [])
