"""A prediction is honest: its question is folded, and no source says the answer before it's computed."""

from __future__ import annotations

import ast

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tools.notebooks import FOLDER, cells, read, source

BOOKS = sorted(FOLDER.glob("*.ipynb"))


def calls(code, name):
    tree = ast.parse(TransformerManager().transform_cell(code))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name in (
            getattr(node.func, "id", ""),
            getattr(node.func, "attr", ""),
        ):
            yield node


def typed_answers(code):
    """The arguments of reveal() that can be read off: a text anywhere in them, or a number alone."""
    for call in calls(code, "reveal"):
        for argument in call.args:
            texts = [node for node in ast.walk(argument) if isinstance(getattr(node, "value", None), str)]
            if texts or isinstance(argument, ast.Constant):
                yield ast.unparse(argument)


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_no_answer_is_typed(path):
    assert [found for _, cell in cells(read(path), "code") for found in typed_answers(source(cell))] == []


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_every_prediction_is_revealed(path):
    code = [source(cell) for _, cell in cells(read(path), "code")]
    asked, revealed = (sum(len([*calls(each, name)]) for each in code) for name in ("Prediction", "reveal"))
    assert asked == revealed > 0


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_the_code_of_questions_is_folded(path):
    for number, cell in cells(read(path), "code"):
        if any(calls(source(cell), "Prediction")) or any(calls(source(cell), "Recall")):
            assert cell["metadata"].get("jupyter", {}).get("source_hidden"), f"cell {number} shows its code"


@pytest.mark.parametrize(
    "code, found",
    [
        ('guess.reveal("nothing at all")', ["'nothing at all'"]),
        ("print(guess.reveal(49))", ["49"]),
        ('guess.reveal("yes" if equal else "no")', ["'yes' if equal else 'no'"]),
        ('guess.reveal(f"about {spread:.0f}")', ["f'about {spread:.0f}'"]),
        ("guess.reveal(list(options)[equal.index(True)])", []),
        ("guess.reveal(weights[0])", []),
    ],
)
def test_a_typed_answer_is_found(code, found):
    assert [*typed_answers(code)] == found
