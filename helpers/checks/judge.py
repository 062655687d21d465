"""Run an answer, compare it with the right one and with the known mistakes, and say in a sentence what came
out."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import dis
import inspect
import io
import linecache
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from helpers.checks.exercises import Case, Exercise, Wrong

__all__ = ["SECONDS", "Verdict", "judge", "occurring", "outcome"]

SECONDS = 5.0  # a call that takes longer is stopped
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
    mistake: the name of the known mistake, or "" (several, joined by "or", where they give the same numbers)
    """

    kind: str
    text: str
    mistake: str = ""


class TookTooLong(BaseException):
    """Raised inside a call that does not come to its end; a BaseException, so that `except Exception` lets
    it pass."""


@dataclass(frozen=True)
class _Failure:
    """A call that raised something."""

    kind: str
    message: str
    where: str = ""
    printed: str = ""

    def same_as(self, other):
        return isinstance(other, _Failure) and (self.kind, self.message) == (other.kind, other.message)


@dataclass(frozen=True)
class _Result:
    """What a call gave back, as one array or a tuple of them, and which argument it changed."""

    value: object
    changed: str = ""
    printed: str = ""

    def same_as(self, other):
        return isinstance(other, _Result) and _close(self.value, other.value)


def judge(exercise: Exercise, answer: Callable, seconds: float = SECONDS) -> Verdict:
    """Run the answer on every case of an exercise and name what is wrong with it.

    A call that takes longer than `seconds` is stopped. The arguments are copies:
    the answer can harm nothing, and a change in them is noticed.
    """
    if not callable(answer) or isinstance(answer, type):
        return Verdict(
            "wrong",
            f"The check needs your function, and got {_kind(answer)}: hand over its name, without brackets.",
        )
    cases = exercise.cases()
    problem = _wrong_arguments(answer, list(cases[0].arguments))
    if problem:
        return Verdict("wrong", problem)
    outcomes = []
    for case in cases:
        outcomes.append(outcome(answer, case, seconds))
        if isinstance(outcomes[-1], _Failure) and outcomes[-1].kind == "TookTooLong":
            break
    verdict = _judge(exercise, answer, cases, outcomes)
    printed = outcomes[0].printed.rstrip()
    return (
        verdict
        if not printed
        else Verdict(
            verdict.kind, f"{verdict.text}\nYour function printed: {_cut(printed, 400)}", verdict.mistake
        )
    )


def _judge(exercise, answer, cases, outcomes):
    first = outcomes[0]
    if isinstance(first, _Result) and _is_nothing(first.value):
        if _is_empty(answer):
            return Verdict(
                "open", "Still open. Write your lines in place of the three dots, and run the cell again."
            )
        return Verdict(
            "wrong",
            "Your function gives back None. Is there a line that begins with return? Expected:"
            f" {exercise.returns}.",
        )
    if isinstance(outcomes[-1], _Failure) and outcomes[-1].kind == "TookTooLong":
        return Verdict(
            "wrong",
            f"Your function was stopped after {outcomes[-1].message} seconds. Does a loop in it never end?",
        )
    if exercise.problem:
        return _judge_by_property(exercise, cases, outcomes)
    right = [outcome(exercise.right, case) for case in cases]
    if all(own.same_as(other) for own, other in zip(outcomes, right)):
        changed = next((own.changed for own in outcomes if own.changed), "")
        if changed:
            return Verdict(
                "wrong",
                f"The result is right, but your function changes its argument {changed} in place, and whoever"
                " called it finds other numbers there. Work on a new array: write a = a / 2, not a /= 2.",
                "changed in place",
            )
        return Verdict("right", "Right, on every input that was tried.")
    named = _matching(exercise.known(), cases, outcomes)
    if not named:  # two at once, of those that change something here
        named = _matching(
            exercise.pairs([wrong.name for wrong in occurring(exercise, exercise.known())]), cases, outcomes
        )
    if named:
        return _named(named, cases, outcomes, right)
    case, own, other = next(found for found in zip(cases, outcomes, right) if not found[1].same_as(found[2]))
    return Verdict("wrong", _located(exercise, case, own, other))


def _judge_by_property(exercise, cases, outcomes):
    for case, own in zip(cases, outcomes):
        if isinstance(own, _Failure):
            return Verdict("wrong", _raised(own, case))
        if own.value is None or isinstance(own.value, str):
            return Verdict(
                "wrong", f"{own.value or 'Your function gives back None.'} Expected: {exercise.returns}."
            )
        problem = (
            "Give back one array, and not several."
            if isinstance(own.value, tuple)
            else exercise.problem(own.value, *case.arguments.values())
        )
        if problem or own.changed:
            return Verdict(
                "wrong",
                problem
                or f"The result is right, but your function changes its argument {own.changed} in place.",
            )
    return Verdict("right", "Right, on every input that was tried.")


def occurring(exercise: Exercise, wrongs: Iterable[Wrong]) -> list[Wrong]:
    """Those wrong answers that give something else than the right one on at least one case of an exercise."""
    cases = exercise.cases()
    right = [outcome(exercise.right, case) for case in cases]
    return [
        wrong
        for wrong in wrongs
        if not all(outcome(wrong.answer, case).same_as(other) for case, other in zip(cases, right))
    ]


def _matching(wrongs, cases, outcomes):
    """Those wrong answers that do on every case what was done."""
    return [
        wrong
        for wrong in wrongs
        if all(own.same_as(outcome(wrong.answer, case)) for case, own in zip(cases, outcomes))
    ]


def outcome(function: Callable, case: Case, seconds: float | None = None) -> _Result | _Failure:
    """Call a function with copies of a case's arguments. Nothing that it prints or raises gets out."""
    arguments = copy.deepcopy(dict(case.arguments))
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"), _time_limit(seconds):
            value = function(*arguments.values())
    except TookTooLong:
        return _Failure("TookTooLong", f"{seconds:g}")
    except (Exception, SystemExit) as error:
        return _Failure(type(error).__name__, str(error), _place(error, function), printed=printed.getvalue())
    changed = [
        name
        for name, given in case.arguments.items()
        if not np.array_equal(
            given, arguments[name], equal_nan=isinstance(given, np.ndarray) and given.dtype.kind == "f"
        )
    ]
    return _Result(_as_numbers(value), changed[0] if changed else "", printed.getvalue())


@contextlib.contextmanager
def _time_limit(seconds):
    """Raise TookTooLong in this thread after so many seconds. Where there are no threads, as in a browser,
    there is no limit."""
    if seconds is None:
        yield
        return
    thread, lock, over = threading.get_ident(), threading.Lock(), threading.Event()

    def stop():
        while not over.wait(0.2 if stopped else seconds):  # again, for code that catches everything
            with lock:
                if not over.is_set():
                    stopped.append(True)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(thread), ctypes.py_object(TookTooLong)
                    )

    stopped = []
    try:
        threading.Thread(target=stop, daemon=True).start()
    except RuntimeError:
        yield
        return
    try:
        yield
    finally:
        with lock:
            over.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread), None
            )  # one that is on its way is called back


# ---- what came back ----------------------------------------------------------------------------------------


def _as_numbers(value):
    """An array, a tuple of arrays, None, or a sentence about something else."""
    if _is_nothing(value):
        return None
    if isinstance(value, tuple) and len(value) > 1 and any(isinstance(part, np.ndarray) for part in value):
        return tuple(_as_numbers(part) for part in value)
    if isinstance(value, list) and len({part.shape for part in value if isinstance(part, np.ndarray)}) > 1:
        return _as_numbers(tuple(value))
    if inspect.isgenerator(value) or isinstance(value, (map, zip, set, dict, str, bytes)):
        return f"Your function gives back {_kind(value)}."
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            return "Your function gives back complex numbers."
        return (
            array
            if array.dtype.kind in "f"
            else array.astype(np.int64 if array.dtype.kind in "iub" else np.float64)
        )
    except (ValueError, TypeError):
        return (
            f"Your function gives back {_kind(value)} that is no table of numbers: are its rows of different"
            " lengths?"
        )


def _close(own, other):
    if isinstance(other, tuple):
        own = own if isinstance(own, tuple) or np.ndim(own) < 2 else tuple(own)  # a list of tables will do
        return isinstance(own, tuple) and len(own) == len(other) and all(map(_close, own, other))
    if isinstance(own, tuple):
        return False
    if isinstance(own, str) or isinstance(other, str) or own is None or other is None:
        return isinstance(own, str) and isinstance(other, str) and own == other
    if own.shape != other.shape:
        return False
    loose = (
        1e-3
        if np.float16 in (own.dtype, other.dtype)
        else 1e-4
        if np.float32 in (own.dtype, other.dtype)
        else 1e-6
    )
    return np.allclose(own, other, rtol=loose, atol=loose, equal_nan=True)


def _is_nothing(value):
    return value is None or value is ... or value is NotImplemented


def _is_empty(answer):
    """Whether a function has no lines of its own yet: only dots, pass, a docstring, or return None."""
    try:
        return {instruction.opname for instruction in dis.get_instructions(answer)} <= _NOTHING
    except TypeError:
        return False


def _wrong_arguments(answer, names):
    try:
        inspect.signature(answer).bind(*names)
    except TypeError:
        return (
            f"Your function should take {len(names)} argument{'s' * (len(names) > 1)} ({', '.join(names)}),"
            f" and takes {inspect.signature(answer)}."
        )
    except ValueError:  # some built-in functions do not say
        pass
    return ""


_ADVICE = {
    "operands could not be broadcast together": (
        "A sum or a maximum over one axis loses that axis; keepdims=True keeps it, with length 1."
    ),
    "some are NaN or +inf": (
        "0 times infinity is nan. To hide a score, write np.where(mask, scores, -np.inf)."
    ),
}


# ---- sentences ---------------------------------------------------------------------------------------------


def _named(named, cases, outcomes, right):
    """The verdict on a known mistake, and on others that give the very same numbers."""
    case, own, other = next(found for found in zip(cases, outcomes, right) if not found[1].same_as(found[2]))
    mistake, others = " or ".join(wrong.name for wrong in named), "; ".join(wrong.name for wrong in named[1:])
    sentence = named[0].sentence.format(**case.sizes)
    if isinstance(own, _Failure):  # many mistakes may end in one error: nothing is certain
        also = f" The same error comes of: {others}." if others else ""
        return Verdict("wrong", f"{_raised(own, case)}\nA likely reason. {sentence}{also}", mistake)
    also = f" (The same comes of: {others}.)" if others else ""
    return Verdict("wrong", f"{sentence}{also}\n{_difference(own.value, other.value)}", mistake)


def _located(exercise, case, own, other):
    if isinstance(own, _Failure):
        return _raised(own, case)
    if isinstance(own.value, str):
        return f"{own.value} Expected: {exercise.returns}."
    return (
        "This is not one of the mistakes that the check knows. Here is where it differs first. Tried with"
        f" {_shapes(case)}.\n{_difference(own.value, other.value, exercise.returns)}"
    )


def _raised(failure, case):
    advice = next((f"\n{advice}" for sign, advice in _ADVICE.items() if sign in failure.message), "")
    return (
        f"Your function stops with an error {failure.where}{failure.kind}: {_cut(failure.message)}\nIt was"
        f" called with {_shapes(case)}.{advice}"
    )


def _difference(own, other, returns=""):
    """Where two results differ first, in a sentence."""
    if isinstance(other, tuple) or isinstance(own, tuple):
        if not isinstance(own, tuple) or not isinstance(other, tuple) or len(own) != len(other):
            count = [len(x) if isinstance(x, tuple) else 1 for x in (own, other)]
            return (
                f"You give back {count[0]} array{'s' * (count[0] > 1)}, and {count[1]}"
                f" {'are' if count[1] > 1 else 'is'} expected."
            )
        place = next(i for i, (a, b) in enumerate(zip(own, other)) if not _close(a, b))
        return (
            f"In what you give back, number {place + 1} of {len(own)} differs."
            f" {_difference(own[place], other[place])}"
        )
    if own is None or isinstance(own, str):
        return own or "You give back None."
    if own.shape != other.shape:
        return (
            f"Your result has the shape {own.shape}; expected is"
            f" {other.shape}{f': {returns}' if returns else ''}."
        )
    if own.ndim == 0:
        return f"Your result is {own:.4g}; expected is {other:.4g}."
    place = next(place for place in np.ndindex(own.shape) if not _close(own[place], other[place]))
    where = {1: "At place {0}", 2: "In row {0}", 3: "In head {0}, row {1}"}[own.ndim].format(*place)
    row = place[:-1]
    if own.ndim == 1:
        return f"{where} you have {own[place]:.4g}; expected is {other[place]:.4g}."
    also = ""
    if np.isnan(own[row]).any():
        also = " nan comes from 0 / 0, or from infinity divided by infinity."
    return f"{where} you have {_row(own[row])}; expected is {_row(other[row])}.{also}"


def _row(numbers):
    shown = ", ".join(f"{number:.4g}" for number in numbers[:6])
    return f"[{shown}{', …' if len(numbers) > 6 else ''}]"


def _shapes(case):
    return ", ".join(
        f"{name} {x.shape}" if isinstance(x, np.ndarray) else f"{name} = {x}"
        for name, x in case.arguments.items()
    )


def _place(error, function):
    """The learner's own line in which it happened: the last one that stands in the file of their function."""
    code = getattr(function, "__code__", None)
    frames, trace = [], error.__traceback__
    while trace:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_frame.f_code))
        trace = trace.tb_next
    own = [(file, line) for file, line, _ in frames if code and file == code.co_filename]
    if not own:
        return ""
    file, line = own[-1]
    text = linecache.getline(file, line).strip()
    within = line - code.co_firstlineno + 1
    return f"in its line {within}, {text}\n" if text else f"in its line {within}\n"


def _kind(value):
    return f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"


def _cut(text, length=200):
    text = " ".join(text.split()) if length <= 200 else text
    return text if len(text) <= length else text[:length] + " …"
