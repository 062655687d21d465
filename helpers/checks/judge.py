"""Run an answer, compare it with the right one, and say what is wrong with it.

A diagnosis comes in layers, and the first that can speak does: a mistake that is known by name, alone or with
another; what the answer *does* (probes), or the step at which it leaves the right way (its own lines, run
part by
part); and last the first number that differs. A cause is told only if it explains every case that was run.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.checks.errors import raised, reason
from helpers.checks.exercises import Case, Exercise, Wrong
from helpers.checks.probes import probed
from helpers.checks.relations import described, related
from helpers.checks.run import SECONDS, Failure, Result, call, close, kind_of
from helpers.checks.trace import traced

__all__ = ["SECONDS", "Verdict", "judge", "occurring"]

RIGHT = "Right, on every input that was tried."
_NOTHING = {
    "RESUME", "COPY_FREE_VARS", "LOAD_CONST", "LOAD_SMALL_INT", "RETURN_VALUE", "RETURN_CONST", "NOP",
    "POP_TOP", "EXTENDED_ARG", "NOT_TAKEN",
}  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What came out of a check.

    kind:    "open", "right", or "wrong"
    text:    what to tell the learner
    mistake: the name of the known mistake, or "" (several, joined by "or", where they give the same numbers)
    cause:   which layer spoke: "named", "narrowed" (a probe or an intermediate result told the cause),
             "located",
             "error", or "" where nothing is wrong
    """

    kind: str
    text: str
    mistake: str = ""
    cause: str = ""


def judge(exercise: Exercise, answer: Callable, seconds: float = SECONDS) -> Verdict:
    """Run the answer on every case of an exercise and say what is wrong with it.

    A call that takes longer than `seconds` is stopped. The arguments are copies:
    the answer can harm nothing, and a change in them is noticed.
    """
    if not callable(answer) or isinstance(answer, type):
        said = f"The check needs your function, and got {kind_of(answer)}: pass its name, without brackets."
        return Verdict("wrong", said, cause="error")
    cases = exercise.cases()
    if problem := _wrong_arguments(answer, list(cases[0].arguments)):
        return Verdict("wrong", problem, cause="narrowed")
    outcomes: list[Result | Failure] = []
    for case in cases:
        outcomes.append(call(answer, case, seconds))
        if isinstance(outcomes[-1], Failure) and outcomes[-1].kind == "TookTooLong":
            break
    verdict = _judge(exercise, answer, cases, outcomes)
    printed = next((each.printed.rstrip() for each in outcomes if each.printed.strip()), "")
    if not printed:
        return verdict
    shown = printed if len(printed) <= 400 else printed[:400] + " …"
    return Verdict(
        verdict.kind, f"{verdict.text}\nYour function printed: {shown}", verdict.mistake, verdict.cause
    )


def _judge(exercise, answer, cases, outcomes) -> Verdict:
    first, last = outcomes[0], outcomes[-1]
    if isinstance(last, Failure) and last.kind == "TookTooLong":
        took = f"{last.seconds:.1f}".removesuffix(".0")
        said = f"Your function was stopped after {took} seconds. Does a loop in it never end?"
        return Verdict("wrong", said, cause="error")
    if isinstance(first, Result) and first.value is None:
        if _is_empty(answer):
            return Verdict(
                "open", "Still open. Write your lines in place of the three dots, and run the cell again."
            )
        said = (
            "Your function returns None. Is there a line that begins with return? Expected:"
            f" {exercise.returns}."
        )
        return Verdict("wrong", said, cause="narrowed")
    if exercise.problem:
        return _judge_by_property(exercise, cases, outcomes)
    right = [call(exercise.right, case) for case in cases]
    if all(own.same_as(other) for own, other in zip(outcomes, right)):
        if changed := next((own.changed for own in outcomes if own.changed), ""):
            said = (
                f"The result is right, but your function changes its argument {changed} in place, and whoever"
                " called it finds other numbers there. Work on a new array: write a = a / 2, not a /= 2."
            )
            return Verdict("wrong", said, "changed in place", "named")
        return Verdict("right", RIGHT)
    if failed := [(each, case) for each, case in zip(outcomes, cases) if isinstance(each, Failure)]:
        return _stopped(exercise, cases, outcomes, failed)
    if named := _named(exercise, cases, outcomes):
        return _with_name(named, cases, outcomes, right)
    return _unknown(exercise, answer, cases, outcomes, right)


def _judge_by_property(exercise, cases, outcomes) -> Verdict:
    for case, own in zip(cases, outcomes):
        if isinstance(own, Failure):
            return _stopped(exercise, cases, outcomes, [(own, case)])
        if own.value is None or isinstance(own.value, str):
            said = f"{own.value or 'Your function returns None.'} Expected: {exercise.returns}."
            return Verdict("wrong", said, cause="narrowed")
        value = own.value
        if isinstance(value, tuple):
            return Verdict("wrong", "Return one array, and not several.", cause="narrowed")
        if problem := exercise.problem(value, *case.arguments.values()):
            return Verdict("wrong", problem, cause="narrowed")
        if own.changed:
            said = f"The result is right, but your function changes its argument {own.changed} in place."
            return Verdict("wrong", said, "changed in place", "named")
    return Verdict("right", RIGHT)


# ---- known mistakes ----------------------------------------------------------------------------------------


def occurring(exercise: Exercise, wrongs: Iterable[Wrong]) -> list[Wrong]:
    """Those wrong answers that give something else than the right one on at least one case of an exercise."""
    cases = exercise.cases()
    right = [call(exercise.right, case) for case in cases]
    return [w for w in wrongs if not all(call(w.answer, c).same_as(r) for c, r in zip(cases, right))]


def _named(exercise, cases, outcomes) -> list[Wrong]:
    if found := _matching(exercise.known(), cases, outcomes):
        return found
    possible = [wrong.name for wrong in occurring(exercise, exercise.known())]
    return _matching(exercise.pairs(possible), cases, outcomes)


def _matching(wrongs, cases, outcomes) -> list[Wrong]:
    """Those wrong answers that do on every case what was done, with numbers to show it: NaN alone shows
    nothing."""
    if not any(_numbers_in(own) for own in outcomes):
        return []
    return [w for w in wrongs if all(own.same_as(call(w.answer, c)) for c, own in zip(cases, outcomes))]


def _numbers_in(own) -> bool:
    parts = own.value if isinstance(own.value, tuple) else (own.value,)
    return any(isinstance(part, np.ndarray) and np.isfinite(part).any() for part in parts)


def _with_name(named, cases, outcomes, right) -> Verdict:
    """The verdict on a known mistake, and on others that give the very same numbers."""
    case, own, other = _first_difference(cases, outcomes, right)
    sentence = named[0].sentence.format(**case.sizes)
    others = "; ".join(wrong.name for wrong in named[1:])
    also = f" (The same comes of: {others}.)" if others else ""
    said = f"{sentence}{also}\n{_difference(own.value, other.value)}"
    return Verdict("wrong", said, " or ".join(wrong.name for wrong in named), "named")


# ---- answers that nobody listed ----------------------------------------------------------------------------


def _unknown(exercise, answer, cases, outcomes, right) -> Verdict:
    case, own, other = _first_difference(cases, outcomes, right)
    if isinstance(own.value, str):
        return Verdict("wrong", f"{own.value} Expected: {exercise.returns}.", cause="narrowed")
    cause = (
        _several(outcomes, right, cases)
        or related([each.value for each in outcomes], [each.value for each in right], cases)
        or probed(exercise, answer, cases)
        or traced(exercise, answer, cases, [each.values for each in outcomes])
    )
    difference = _difference(own.value, other.value, exercise.returns)
    if cause:
        return Verdict("wrong", f"Not right yet. {cause}\n{difference}", cause="narrowed")
    said = "Not right yet, and I don't recognise the mistake. The first difference is here:"
    return Verdict("wrong", f"{said} tried with {_shapes(case)}.\n{difference}", cause="located")


def _several(outcomes, right, cases) -> str:
    """Several results where one is expected, or the other way round, or in another order."""
    own, other = [each.value for each in outcomes], [each.value for each in right]
    if isinstance(other[0], tuple):
        count = len(other[0])
        if not all(isinstance(value, tuple) and len(value) == count for value in own):
            if all(isinstance(value, np.ndarray) for value in own):
                at = [k for k in range(count) if all(close(v, o[k]) for v, o in zip(own, other))]
                which = f"That's number {at[0] + 1} of them." if at else ""
                return f"You return one array, and {count} are expected, separated by commas. {which}".strip()
            return ""
        wrong = [k for k in range(count) if not all(close(v[k], o[k]) for v, o in zip(own, other))]
        swapped = [
            (j, k) for j in wrong for k in wrong if j < k
            and all(close(v[j], o[k]) and close(v[k], o[j]) for v, o in zip(own, other))
        ]  # fmt: skip
        if swapped:
            return (
                f"Numbers {swapped[0][0] + 1} and {swapped[0][1] + 1} of what you return have changed places."
            )
        ok = [k for k in range(count) if k not in wrong]
        relations = {k: related([v[k] for v in own], [o[k] for o in other], cases) for k in wrong}
        if ok and len(wrong) < count:
            more = next((f" {text}" for text in relations.values() if text), "")
            numbers = " and ".join(str(k + 1) for k in ok)
            return (
                f"Of what you return, number {numbers} {'is' if len(ok) == 1 else 'are'} right. Number"
                f" {wrong[0] + 1} isn't.{more}"
            )
        return ""
    if not all(isinstance(value, tuple) for value in own):
        return ""
    at = [k for k in range(len(own[0])) if all(k < len(v) and close(v[k], o) for v, o in zip(own, other))]
    if at:
        return (
            f"You return {len(own[0])} arrays, and number {at[0] + 1} is the right result: return it alone."
        )
    return f"You return {len(own[0])} arrays, and one is expected."


def _first_difference(cases, outcomes, right):
    return next(each for each in zip(cases, outcomes, right) if not each[1].same_as(each[2]))


def _difference(own, other, returns=""):
    if (
        isinstance(own, tuple)
        and isinstance(other, np.ndarray)
        and len({np.shape(part) for part in own}) == 1
    ):
        own = np.stack(own)
    if isinstance(other, tuple) or isinstance(own, tuple):
        if not isinstance(own, tuple) or not isinstance(other, tuple) or len(own) != len(other):
            return f"Expected: {returns}." if returns else "One array is expected."
        at = next(i for i, (a, b) in enumerate(zip(own, other)) if not close(a, b))
        return f"In number {at + 1} of what you return: {described(own[at], other[at])}"
    if own is None or isinstance(own, str):
        return own or "You return None."
    also = " NaN comes from 0 / 0, or from infinity divided by infinity." if np.isnan(own).any() else ""
    return described(own, other, returns) + also


def _stopped(exercise, cases, outcomes, failed) -> Verdict:
    """An error: the reason comes from the values and shapes in its line.

    Known mistakes that end in the very same errors are noted and not told: others end in them too.
    """
    failures, at = zip(*failed)
    known = exercise.known() if len(outcomes) == len(cases) else []
    mistake = " or ".join(wrong.name for wrong in known if _ends_like(wrong, cases, outcomes))
    said = f"Your function stops with an error {raised(failures[0], at[0])}"
    if len(failures) < len(cases):
        said += f"\nThat's {len(failures)} of the {len(cases)} inputs that were tried."
    if why := reason(failures, at):
        return Verdict("wrong", f"Not right yet. {why}\n{said}", mistake, "narrowed")
    return Verdict("wrong", said, mistake, "error")


def _ends_like(wrong, cases, outcomes) -> bool:
    return all(own.ends_like(call(wrong.answer, case)) for case, own in zip(cases, outcomes))


def _shapes(case: Case) -> str:
    return ", ".join(
        f"{name} {x.shape}" if isinstance(x, np.ndarray) else f"{name} = {x}"
        for name, x in case.arguments.items()
    )


def _is_empty(answer) -> bool:
    """Whether a function has no lines of its own yet: only dots, pass, a docstring, or return None."""
    try:
        return {instruction.opname for instruction in dis.get_instructions(answer)} <= _NOTHING
    except TypeError:
        return False


def _wrong_arguments(answer, names: Sequence[str]) -> str:
    try:
        inspect.signature(answer).bind(*names)
    except TypeError:
        takes = inspect.signature(answer)
        plural = "s" * (len(names) > 1)
        return (
            f"Your function should take {len(names)} argument{plural} ({', '.join(names)}), and takes"
            f" {takes}."
        )
    except ValueError:  # some built-in functions do not say
        pass
    return ""
