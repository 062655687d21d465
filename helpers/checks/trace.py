"""Where an answer leaves the right way: in which part, proved by exchanging that part and running the rest.

If a part's value is exchanged for the right intermediate result and the answer is then right in every case,
all that comes after the part is right. If a small change of a part does it, the change says what is wrong.
Nothing is said that hasn't been tried.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.checks.edits import edits
from helpers.checks.exercises import Case, Exercise
from helpers.checks.messages import brief, shape_of
from helpers.checks.program import Part, Program
from helpers.checks.relations import related
from helpers.checks.run import Result, call, close
from helpers.checks.weights import in_words

__all__ = ["Traced", "trace"]

BUDGET = 1.0  # seconds of computing for all that is tried


@dataclass(frozen=True)
class Traced:
    """What a trace has found.

    text:  a sentence or two that tell the cause, or ""
    right: the last part that holds a right intermediate result, in a sentence, or ""
    next:  what is made of it, and how that differs from the next right one, in a sentence, or ""
    """

    text: str = ""
    right: str = ""
    next: str = ""


class _Search:
    """One answer, its runs on every case, and what a right answer works out there."""

    def __init__(self, exercise: Exercise, program: Program, cases: Sequence[Case], wanted: Sequence[Result]):
        self.exercise, self.program, self.cases, self.wanted = exercise, program, cases, wanted
        runs = [program.run(case.arguments) for case in cases]
        self.outcomes = [outcome for outcome, _ in runs]
        self.values = [values for _, values in runs]
        self.steps = [exercise.steps(*case.arguments.values()) if exercise.steps else {} for case in cases]
        self.start = time.process_time(), time.perf_counter()
        bad = [i for i, (a, b) in enumerate(zip(self.outcomes, wanted)) if not a.same_as(b)]
        self.order = [*bad, *(i for i in range(len(cases)) if i not in bad)]  # the cases that tell most first

    def right_with(self, change: Callable[[int], Callable]) -> bool:
        """Whether a changed function is right in every case."""
        return all(call(change(i), self.cases[i].arguments, 0.5).same_as(self.wanted[i]) for i in self.order)

    def time_is_up(self) -> bool:
        return (
            time.process_time() - self.start[0] > BUDGET or time.perf_counter() - self.start[1] > 2.5 * BUDGET
        )

    def reached(self, part: Part) -> bool:
        return all(values[part.number] for values in self.values)

    # ---- the value of a part exchanged ---------------------------------------------------------------------

    def exchanged(self) -> tuple[Part, str] | None:
        """The first part that only needs to hold another value, and that value's name."""
        given = {argument.arg for argument in self.program.function.args.args}
        for part in self.program.parts:
            argument = isinstance(part.node, ast.Name) and part.text in given
            for name in self.steps[0]:
                if self.time_is_up():
                    return None
                if argument and _shape(self.steps[0][name]) == _shape(self.cases[0].arguments.get(part.text)):
                    continue  # what is given is right as it is, though it may have to be cut
                if self.reached(part) and self._fits(part, name) and self.right_with(self._new(part, name)):
                    return part, name
        return None

    def _fits(self, part: Part, name: str) -> bool:
        """Whether a step could stand in the place of a part, and doesn't stand there already."""
        same = []
        for values, steps in zip(self.values, self.steps):
            own, step = values[part.number], steps[name]
            if len(own) == 1:
                if isinstance(step, list) or callable(own[0]) or isinstance(own[0], (str, bool, tuple)):
                    return False
                if _ndim(step) == 0 and (_ndim(own[0]) != 0 or own[0] is None):
                    return False
                if _ndim(step) and not _ndim(own[0]):
                    return False
                forms = [_array(own[0])]
                wanted = [_in_form(step, own[0])]
            else:
                parts = _in_turn(step, own)
                if parts is None:
                    return False
                forms, wanted = [_array(x) for x in own], parts
            same.append(all(a is not None and close(a, np.asarray(b)) for a, b in zip(forms, wanted)))
        return not all(same)

    def _new(self, part: Part, name: str) -> Callable[[int], Callable]:
        def change(i):
            own, step = self.values[i][part.number], self.steps[i][name]
            turns = [_in_form(step, own[0])] if len(own) == 1 else _in_turn(step, own)

            def turn(n: int):
                return turns[n % len(turns)]

            return self.program.with_value(part.number, turn)

        return change

    # ---- a part written otherwise --------------------------------------------------------------------------

    def edited(self) -> tuple[str, int] | None:
        """The first small change that makes the function right: its sentence and line."""
        for edit in edits(self.program, self.values[self.order[0]]):
            if self.time_is_up():
                return None
            try:
                function = edit.make()
            except (SyntaxError, ValueError, TypeError):
                continue
            if self.right_with(_always(function)):
                return edit.sentence, edit.line
        return None

    # ---- what is right -------------------------------------------------------------------------------------

    def named(self, part: Part) -> str:
        """The name of the step whose value a part holds in every case, or ""."""
        for name in reversed(list(self.steps[0])):
            if self.reached(part) and all(
                len(values[part.number]) == 1 and _holds(values[part.number][0], steps[name])
                for values, steps in zip(self.values, self.steps)
            ):
                return name
        return ""

    def last_right(self) -> tuple[Part, str] | None:
        found = None
        for part in self.program.parts:
            name = self.named(part)
            if name and name not in ("d_k", "√d_k", "n", "n_heads", "the queries", "the keys", "the values"):
                found = part, name
        return found

    def related(self, part: Part, name: str) -> str:
        """How the value of a part differs from a step, as a predicate."""
        own = [values[part.number] for values in self.values]
        if any(len(each) != 1 for each in own):
            return ""
        pairs = [(each[0], _in_form(steps[name], each[0])) for each, steps in zip(own, self.steps)]
        arguments = [case.arguments for case in self.cases]
        if "weights" in name and all(_shape(a) == _shape(b) for a, b in pairs):
            masks: list = [given.get("mask") for given in arguments]
            if said := in_words([a for a, _ in pairs], [b for _, b in pairs], masks):
                return said
        return related(
            [a for a, _ in pairs], [b for _, b in pairs], arguments, [case.sizes for case in self.cases]
        )


def trace(
    exercise: Exercise, program: Program | None, cases: Sequence[Case], wanted: Sequence[Result]
) -> Traced:
    """Look for the part of an answer in which the slip is."""
    if program is None:
        return Traced()
    search = _Search(exercise, program, cases, wanted)
    if edit := search.edited():
        sentence, line = edit
        return Traced(f"In {program.where(line)}: {_lower(sentence)}")
    if exchange := search.exchanged():
        return Traced(_exchange_in_words(search, *exchange), *_right_in_words(search))
    return Traced("", *_right_in_words(search))


_SIZES = {
    "n_queries": "the number of queries",
    "n_keys": "the number of keys",
    "n": "the number of words",
    "n_heads": "the number of heads",
    "d_model": "the width of x",
    "d_v": "the width of the values",
    "d_k": "d_k",
}


def _exchange_in_words(search: _Search, part: Part, name: str) -> str:
    own = [values[part.number] for values in search.values]
    worst = search.order[0]
    where = search.program.where(part.line)
    last = name == list(search.steps[0])[-1]
    predicate = search.related(part, name)
    inner = [search.named(search.program.parts[n]) for n in part.inner]
    if last and not (all(inner) or predicate):
        return ""
    after = "" if last else " All that comes after it is right."
    if not _ndim(own[worst][0]) and len(own[worst]) == 1:
        sizes = [case.sizes for case in search.cases]
        are = [n for n in _SIZES if all(n in s and s[n] == v[0] for s, v in zip(sizes, own))]
        what = f", {_SIZES[are[0]]}," if are else ","
        step = search.steps[worst][name]
        return (
            f"In {where}: `{brief(part.text)}` is {shape_of(own[worst][0])}{what} and {name} ="
            f" {shape_of(step)} belongs there.{after}"
        )
    how = f" It {predicate}." if predicate else _shape_words(own[worst], search.steps[worst][name])
    return f"In {where}: `{brief(part.text)}` should hold {name}.{how}{after}"


def _always(function: Callable) -> Callable[[int], Callable]:
    return lambda case: function


def _lower(sentence: str) -> str:
    return sentence if sentence[:1] == "`" or sentence[1:2] == "." else sentence[:1].lower() + sentence[1:]


def _shape_words(own, step):
    if len(own) == 1 and _ndim(step) and _shape(own[0]) != np.shape(step):
        return f" It has the shape {_shape(own[0])}, and should have {np.shape(step)}."
    return ""


def _right_in_words(search: _Search) -> tuple[str, str]:
    """The last part that holds a right intermediate result, and the first made of it that doesn't."""
    found = search.last_right()
    if not found:
        return "", ""
    part, name = found
    said = f"`{brief(part.text)}` in {search.program.where(part.line)} holds {name}, as it should."
    after = search.program.parents.get(part.number)
    while after is not None and search.named(after):
        after = search.program.parents.get(after.number)
    if after is None or not search.reached(after):
        return said, ""
    own = search.values[search.order[0]][after.number][0]
    later = list(search.steps[0])[list(search.steps[0]).index(name) + 1 :]
    for step in later:
        if predicate := search.related(after, step):
            return said, f"Compared with {step}, `{brief(after.text)}` {predicate}."
    if later and isinstance(own, np.ndarray):
        wanted = np.shape(search.steps[search.order[0]][later[0]])
        if wanted != own.shape:
            return said, f"`{brief(after.text)}` has the shape {own.shape}, and {later[0]} have {wanted}."
    return said, ""


# ---- values ------------------------------------------------------------------------------------------------


def _ndim(value) -> int:
    array = _array(value)
    return 0 if array is None else array.ndim


def _shape(value) -> tuple:
    array = _array(value)
    return () if array is None else array.shape


def _array(value):
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in "fiub" else None


def _forms(step) -> Iterator[np.ndarray]:
    """A step as it is, with its last two axes swapped, and with an axis of length 1 before it."""
    array = np.asarray(step)
    yield array
    if array.ndim >= 2:
        yield array.swapaxes(-1, -2)
        if array.ndim == 3:
            yield array.swapaxes(0, 1)
        yield array[None]
        yield array.swapaxes(-1, -2)[None]
        yield array[:, None]
    if array.ndim and array.shape[-1] == 1:
        yield array[..., 0]


def _in_form(step, own):
    """The step, in the form in which the learner has it."""
    if not _ndim(step) or isinstance(step, list):
        return step
    fitting = [form for form in _forms(step) if form.shape == _shape(own)]
    return next((form.copy() for form in fitting), np.asarray(step))


def _in_turn(step, own):
    """What a part should hold in turn, in a loop over heads or rows; None where it doesn't fit."""
    if not isinstance(step, (list, np.ndarray)) or len(own) < 2 or len(step) != len(own):
        return None
    shapes_match = [_ndim(a) == _ndim(b) for a, b in zip(own, step)]
    if not all(shapes_match) or any(_array(x) is None for x in own):
        return None
    return [_in_form(b, a) for a, b in zip(own, step)]


def _holds(own, step) -> bool:
    array = _array(own)
    if array is None or isinstance(step, list):
        return False
    return any(close(array, form) for form in _forms(step))
