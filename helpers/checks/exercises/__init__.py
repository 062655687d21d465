"""The exercises, one file a notebook. A new one is written there, and stands in its notebook and its
solutions."""

from helpers.checks.exercises import (
    notebook_00,
    notebook_01,
    notebook_02,
    notebook_03,
    notebook_04,
    notebook_05,
    notebook_06,
    notebook_07,
)
from helpers.checks.exercises.definition import Case, Exercise, Wrong

__all__ = ["Case", "EXERCISES", "Exercise", "Wrong"]

_NOTEBOOKS = (
    notebook_00,
    notebook_01,
    notebook_02,
    notebook_03,
    notebook_04,
    notebook_05,
    notebook_06,
    notebook_07,
)
EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise for notebook in _NOTEBOOKS for exercise in notebook.EXERCISES
}
