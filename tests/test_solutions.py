"""The exercises, the solution notebooks and the solutions that a button shows say the same."""

from __future__ import annotations

import inspect
import re

import pytest

from helpers.checks.exercises import EXERCISES
from helpers.checks.progress import PUZZLES
from tools.notebooks import FOLDER, read, source, texts

BOOKS = sorted(
    {exercise.notebook for exercise in EXERCISES.values()}
    & {path.name[:2] for path in FOLDER.glob("*.ipynb")}
)


def exercises(path):
    """The exercises of a notebook: the task's text, the cell, and what it put out."""
    found = read(path)["cells"]
    return [
        (source(before), source(cell), "\n".join(texts(cell)))
        for before, cell in zip(found, found[1:])
        if "exercise" in cell["metadata"].get("tags", [])
    ]


def pair(number):
    (book,) = FOLDER.glob(f"{number}_*.ipynb")
    return exercises(book), exercises(FOLDER / "solutions" / f"{number}_solutions.ipynb")


def emptied(cell):
    """A solution cell with three dots in place of the learner's lines."""
    return re.sub(r"(?m)^(def .*:\n)(?:    .*\n|\n(?=    ))+", r"\1    # your lines go here\n    ...\n", cell)


@pytest.mark.parametrize("number", BOOKS)
def test_an_exercise_is_its_solution_without_the_lines(number):
    tasks, solved = pair(number)
    assert [task for task, *_ in tasks] == [task for task, *_ in solved]
    assert [cell for _, cell, _ in tasks] == [
        re.sub(r"\.arrange\(.*\)", "", emptied(cell)) for _, cell, _ in solved
    ]


@pytest.mark.parametrize("number", BOOKS)
def test_a_solution_notebook_holds_the_solutions_that_the_button_shows(number):
    for _, cell, _ in pair(number)[1]:
        name = re.search(r"def my_(\w+)", cell)
        if name:
            assert cell.startswith(
                inspect.getsource(EXERCISES[name[1]].right).rstrip() + "\n\n\ncheck_" + name[1]
            )


@pytest.mark.parametrize("number", BOOKS)
def test_exercises_are_open_in_the_notebook_and_right_in_the_solutions(number):
    tasks, solved = pair(number)
    assert 2 <= len(tasks) <= 4
    assert all("Still open." in text or "Nothing is checked yet." in text for *_, text in tasks)
    assert all("Right, on every input that was tried." in text for *_, text in solved)


def test_every_exercise_stands_in_its_notebook():
    for number in BOOKS:
        cells = "\n".join(cell for _, cell, _ in pair(number)[0])
        wanted = [
            f"check_{name}(my_{name})" for name, exercise in EXERCISES.items() if exercise.notebook == number
        ]
        wanted += [f"{name}()" for name, where in PUZZLES.items() if where == number]
        assert [call for call in wanted if call not in cells] == []
