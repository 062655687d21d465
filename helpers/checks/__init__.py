"""Exercises that name the mistake: check_NAME for each exercise, a puzzle, and a map of what is done."""

from helpers.checks.check import Check
from helpers.checks.exercises import EXERCISES
from helpers.checks.parsons import multi_head_puzzle
from helpers.checks.progress import Progress

_CHECKS = {f"check_{name}": Check(name) for name in EXERCISES}
globals().update(_CHECKS)

__all__ = ["Progress", "multi_head_puzzle", *_CHECKS]
