"""The exercises, one file a notebook: a new one stands there, in its notebook and in its solutions."""

import importlib
import pkgutil

from helpers.checks.exercises.definition import Case, Exercise, Wrong

__all__ = ["Case", "EXERCISES", "Exercise", "Wrong"]

_FILES = sorted(file.name for file in pkgutil.iter_modules(__path__) if file.name.startswith("notebook_"))
EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for file in _FILES
    for exercise in importlib.import_module(f"{__name__}.{file}").EXERCISES
}
