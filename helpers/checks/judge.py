"""Run an answer on every case of an exercise, and say in a few sentences what came out.

A wrong answer is diagnosed in layers, each of which says only what it has found to be so in every case:
a known mistake that returns the same numbers; what the answer does with inputs made to tell, and the part of
it that needs to hold something else; and where none of these speaks, the first number that differs.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from helpers.checks.errors import reason
from helpers.checks.exercises import Case, Exercise
from helpers.checks.messages import cut, difference, raised, shapes
from helpers.checks.named import matching, occurring
from helpers.checks.nan import nan_reason
from helpers.checks.probes import probed
from helpers.checks.program import Program, seen_outside
from helpers.checks.relations import related
from helpers.checks.run import Failure, Result, call, close, is_nothing, kind_of
from helpers.checks.trace import Traced, trace

__all__ = ["SECONDS", "Verdict", "judge", "occurring"]

SECONDS = 5.0  # a call that takes longer is stopped
SLOW = 1.0  # an answer that takes longer for all cases together isn't called again
RIGHT = "Right, on every input that was tried."
_NOTHING = {
    "RESUME",
    "COPY_FREE_VARS",
    "LOAD_CONST",
    "LOAD_SMALL_INT",
    "RETURN_VALUE",
    "RETURN_CONST",
    "NOP",
    "POP_TOP",
    "EXTENDED_ARG",
    "NOT_TAKEN",
}


@dataclass(frozen=True)
class Verdict:
    """What came out of a check.

    kind:    "open", "right", or "wrong"
    text:    what to tell the learner
    mistake: the name of the known mistake, or ""; several that return the same numbers are joined by "or"
    cause:   which layer found it: "named" (a known mistake), "narrowed" (a probe, an intermediate result or
             the values that met told the cause), "located" (the first difference only), "error" (an error
             whose reason isn't known), or "" where there's nothing to explain
    """

    kind: str
    text: str
    mistake: str = ""
    cause: str = ""


def judge(exercise: Exercise, answer: Callable, seconds: float = SECONDS) -> Verdict:
    """Run the answer on every case of an exercise and say what is wrong with it.

    seconds: a call that takes longer is stopped. The arguments are copies: the answer can harm nothing, and a
    change in them is noticed.

    >>> from helpers.checks.exercises import EXERCISES
    >>> judge(EXERCISES["scale"], lambda scores, d_k: scores / d_k).mistake
    'divided by d_k or scaled twice'
    """
    if not callable(answer) or isinstance(answer, type):
        said = f"The check needs your function, and got {kind_of(answer)}: pass its name, without brackets."
        return Verdict("wrong", said, cause="error")
    cases = exercise.cases()
    if problem := _wrong_arguments(answer, list(cases[0].arguments)):
        return Verdict("wrong", problem, cause="narrowed")
    outcomes: list[Result | Failure] = []
    for case in cases:
        outcomes.append(call(answer, case.arguments, seconds))
        if isinstance(outcomes[-1], Failure) and outcomes[-1].kind == "TookTooLong":
            break
    verdict = _judge(exercise, answer, cases, outcomes, seconds)
    printed = (outcomes[-1] if len(outcomes) < len(cases) else outcomes[0]).printed.rstrip()
    if not printed:
        return verdict
    return replace(verdict, text=f"{verdict.text}\nYour function printed: {cut(printed, 400)}")


def _judge(exercise, answer, cases, outcomes, seconds) -> Verdict:
    first, last = outcomes[0], outcomes[-1]
    if isinstance(first, Result) and is_nothing(first.value):
        return _nothing(exercise, answer)
    if isinstance(last, Failure) and last.kind == "TookTooLong":
        return Verdict("wrong", _too_long(last, seconds), cause="error")
    if exercise.problem:
        return _by_property(exercise, answer, cases, outcomes)
    wanted = [call(exercise.right, case.arguments) for case in cases]
    changed = next((own.changed for own in outcomes if isinstance(own, Result) and own.changed), "")
    if changed and all(own.same_as(right) for own, right in zip(outcomes, wanted) if isinstance(own, Result)):
        return Verdict(
            "wrong", _in_place(changed), "changed in place", "named"
        )  # which whole numbers don't allow
    if all(own.same_as(right) for own, right in zip(outcomes, wanted)):
        return Verdict("right", RIGHT)
    return _wrong(exercise, answer, cases, outcomes, wanted)


def _nothing(exercise, answer) -> Verdict:
    if _is_empty(answer):
        said = "Still open. Write your lines in place of the three dots, and run the cell again."
        return Verdict("open", said)
    said = (
        f"Your function returns None. Is there a line that begins with return? Expected: {exercise.returns}."
    )
    return Verdict("wrong", said, cause="narrowed")


def _too_long(failure: Failure, seconds: float) -> str:
    if failure.seconds < 1.5 * seconds + 0.3:
        return f"Your function was stopped after {seconds:g} seconds. Does a loop in it never end?"
    return (
        f"Your function took {failure.seconds:.1f} seconds, and {seconds:g} are allowed. It couldn't be"
        " stopped earlier, since a single call in it took so long."
    )


def _in_place(name: str) -> str:
    return (
        f"The result is right, but your function changes its argument {name} in place, and whoever called"
        " it finds other numbers there. Work on a new array: write a = a / 2, not a /= 2."
    )


# ---- a wrong answer, layer by layer ------------------------------------------------------------------------


def _wrong(exercise, answer, cases, outcomes, wanted) -> Verdict:
    at = next(i for i, (own, right) in enumerate(zip(outcomes, wanted)) if not own.same_as(right))
    case, own, right = cases[at], outcomes[at], wanted[at]
    if named := matching(exercise, outcomes, wanted):
        return _named(named, case, own, right, exercise)
    program = Program.of(answer)
    failure = next((each for each in outcomes if isinstance(each, Failure)), None)
    slow = sum(each.seconds for each in outcomes) > SLOW or seen_outside(answer)
    found = Traced() if slow else _safely(Traced(), trace, exercise, program, cases, wanted)
    if failure:
        return _failed(exercise, program, cases, outcomes, found, failure, slow)
    if said := _no_numbers(exercise, own):
        return Verdict("wrong", said, cause="narrowed")
    told = "" if slow else _unsteady(answer, case, own)
    if not told and not slow:
        first_nan = _safely("", _nan, program, case, own)
        told = _first_sentences([first_nan, found.text, _safely("", probed, exercise, answer, cases)])
    told = told or _relation(cases, outcomes, wanted)
    numbers = difference(own.value, right.value, exercise.returns)
    if told:
        return Verdict("wrong", f"Not right yet. {told}\n{numbers}", cause="narrowed")
    if found.right and found.next:
        return Verdict("wrong", f"Not right yet. {found.right} {found.next}\n{numbers}", cause="narrowed")
    start = f"Not right yet, and I don't recognise the mistake. {found.right}".rstrip()
    text = f"{start} The first difference is here:\n{numbers}\nTried with {shapes(case.arguments)}."
    return Verdict("wrong", text, cause="located")


def _safely(otherwise, diagnose: Callable, *given):
    """What a diagnosis finds; whatever the learner's function makes of its inputs, it raises nothing."""
    try:
        return diagnose(*given)
    except Exception:
        return otherwise


def _first_sentences(said: Sequence[str]) -> str:
    """The first thing found, and a second one if both are short."""
    found = [each for each in said if each]
    return " ".join(found[:2]) if len(" ".join(found[:2])) < 450 else (found or [""])[0]


def _named(named, case, own, right, exercise) -> Verdict:
    mistake = " or ".join(wrong.name for wrong in named)
    sentence = named[0].sentence.format(**case.sizes)
    also = f" (The same comes of: {'; '.join(wrong.name for wrong in named[1:])}.)" if named[1:] else ""
    if isinstance(own, Failure):
        numbers = raised(own.kind, own.message, own.place, case.arguments)
    else:
        numbers = difference(own.value, right.value, exercise.returns)
    return Verdict("wrong", f"Not right yet. {sentence}{also}\n{numbers}", mistake, "named")


def _failed(exercise, program, cases, outcomes, found, failure, slow) -> Verdict:
    case = cases[outcomes.index(failure)]
    steps = exercise.steps(*case.arguments.values()) if exercise.steps else {}
    why = "" if slow else _safely("", reason, failure, program, case.arguments, steps)
    told = _first_sentences([why, found.text])
    text = raised(failure.kind, failure.message, failure.place, case.arguments)
    if told:
        return Verdict("wrong", f"Not right yet. {told}\n{text}", cause="narrowed")
    return Verdict("wrong", text, cause="error")


def _no_numbers(exercise, own) -> str:
    if isinstance(own.value, str):
        return f"{own.value} Expected: {exercise.returns}."
    if own.value is None:
        return f"For some inputs your function returns None. Expected: {exercise.returns}."
    return ""


def _unsteady(answer, case, own) -> str:
    again = call(answer, case.arguments, SLOW)
    if again.same_as(own) or isinstance(again, Failure):
        return ""
    return (
        "Your function returns other numbers each time it's called with the same arguments: nothing random"
        " belongs in it."
    )


def _relation(cases, outcomes, wanted) -> str:
    arguments, sizes = [case.arguments for case in cases], [case.sizes for case in cases]
    owns, rights = [own.value for own in outcomes], [right.value for right in wanted]
    if any(isinstance(own, tuple) for own in owns) and not any(isinstance(right, tuple) for right in rights):
        return _one_of_several(owns, rights)
    if all(isinstance(right, tuple) for right in rights):
        return _several(owns, rights, arguments, sizes)
    said = related(owns, rights, arguments, sizes)
    return f"Your result {said}." if said else ""


def _one_of_several(owns, rights) -> str:
    owns = [own if isinstance(own, tuple) or own.ndim < 2 else tuple(own) for own in owns]  # of equal shapes
    if len({len(own) if isinstance(own, tuple) else 0 for own in owns}) > 1:
        return ""
    for i in range(len(owns[0])):
        if all(len(own) > i and close(own[i], right) for own, right in zip(owns, rights)):
            which = f"number {i + 1} of them is right: return that one alone."
            return f"You return {len(owns[0])} arrays, and {which}"
    return f"You return {len(owns[0])} arrays, and one is expected."


def _several(owns, rights, arguments, sizes) -> str:
    if any(not isinstance(own, tuple) or len(own) != len(right) for own, right in zip(owns, rights)):
        return ""
    told = []
    for i in range(len(rights[0])):
        parts = [own[i] for own in owns], [right[i] for right in rights]
        if all(close(a, b) for a, b in zip(*parts)):
            continue
        said = related(*parts, arguments, sizes)
        if not said:
            return ""
        told.append(f"Array {i + 1} of {len(rights[0])} {said}.")
    return " ".join(told[:1]) if len(set(s.split(" ", 4)[-1] for s in told)) == 1 else " ".join(told)


def _nan(program, case, own) -> str:
    value = own.value
    if isinstance(value, tuple) or not (value != value).any():
        return ""
    return nan_reason(program, case.arguments)


# ---- other verdicts ----------------------------------------------------------------------------------------


def _by_property(exercise, answer, cases: Sequence[Case], outcomes) -> Verdict:
    for case, own in zip(cases, outcomes):
        if isinstance(own, Failure):
            why = _safely("", reason, own, Program.of(answer), case.arguments, {})
            text = raised(own.kind, own.message, own.place, case.arguments)
            said = f"Not right yet. {why}\n{text}" if why else text
            return Verdict("wrong", said, cause="narrowed" if why else "error")
        if own.value is None or isinstance(own.value, str):
            said = own.value or "Your function returns None."
            return Verdict("wrong", f"{said} Expected: {exercise.returns}.", cause="narrowed")
        several = "Return one array, and not several." if isinstance(own.value, tuple) else ""
        problem = several or exercise.problem(own.value, *case.arguments.values())
        if problem:
            return Verdict("wrong", problem, cause="narrowed")
        if own.changed:
            return Verdict("wrong", _in_place(own.changed), "changed in place", "named")
    return Verdict("right", RIGHT)


def _is_empty(answer) -> bool:
    """Whether a function has no lines of its own yet: only dots, pass, a docstring, or return None."""
    try:
        return {instruction.opname for instruction in dis.get_instructions(answer)} <= _NOTHING
    except TypeError:
        return False


def _wrong_arguments(answer, names) -> str:
    try:
        signature = inspect.signature(answer)
        signature.bind(*names)
    except TypeError:
        count = f"{len(names)} argument{'s' * (len(names) > 1)}"
        return f"Your function should take {count} ({', '.join(names)}), and takes {signature}."
    except ValueError:  # some built-in functions don't say
        pass
    return ""
