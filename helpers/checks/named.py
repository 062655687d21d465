"""The known mistakes that do exactly what an answer did, alone or two at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from helpers.checks.exercises import Case, Exercise, Wrong
from helpers.checks.run import Failure, Result, call, close

__all__ = ["matching", "occurring"]


def matching(exercise: Exercise, outcomes: Sequence, wanted: Sequence) -> list[Wrong]:
    """Those known mistakes, or pairs of them, that explain what came out in every case."""
    if not _tells(outcomes, wanted):
        return []
    return _explaining(exercise, _known(exercise), outcomes) or _explaining(
        exercise, _pairs(exercise), outcomes
    )


def occurring(exercise: Exercise, wrongs: Iterable[Wrong]) -> list[Wrong]:
    """Those wrong answers that return something else than the right one in at least one case."""
    cases = exercise.cases()
    wanted = [call(exercise.right, case.arguments) for case in cases]
    return [
        wrong
        for wrong in wrongs
        if not all(call(wrong.answer, case.arguments).same_as(other) for case, other in zip(cases, wanted))
    ]


@cache
def _known(exercise: Exercise) -> list[Wrong]:
    return exercise.known()


@cache
def _pairs(exercise: Exercise) -> list[Wrong]:
    return exercise.pairs([wrong.name for wrong in occurring(exercise, _known(exercise))])


@cache
def _cases(exercise: Exercise) -> list[Case]:
    return exercise.cases()


@cache  # hundreds of pairs: the second wrong answer to an exercise is judged in a moment
def _made(exercise: Exercise, wrong: Wrong, i: int) -> Result | Failure:
    return call(wrong.answer, _cases(exercise)[i].arguments)


def _explaining(exercise, wrongs, outcomes):
    order = sorted(range(len(outcomes)), key=lambda i: isinstance(outcomes[i], Failure))
    return [
        wrong for wrong in wrongs if all(_explained(outcomes[i], _made(exercise, wrong, i)) for i in order)
    ]


def _tells(outcomes, wanted) -> bool:
    """Whether a finite number, or a shape, differs: an error or a nan alone proves nothing."""
    return any(_evidence(own, right) for own, right in zip(outcomes, wanted))


def _evidence(own, right) -> bool:
    if not isinstance(own, Result) or own.value is None or isinstance(own.value, str):
        return False
    if isinstance(own.value, np.ndarray) and not np.isfinite(own.value.astype(float)).any():
        return False
    return not own.same_as(right)


def _explained(own, made) -> bool:
    if isinstance(own, Failure):
        return own.same_as(made)
    return isinstance(made, Result) and close(own.value, made.value)
