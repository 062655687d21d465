"""Call a learner's function safely: on copies, with a time limit, and with what it prints and raises kept
in."""

from __future__ import annotations

import ast
import contextlib
import copy
import ctypes
import inspect
import io
import linecache
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from helpers.checks.exercises import Case

__all__ = ["Failure", "Result", "SECONDS", "call", "close", "first_line", "is_nothing", "kind_of"]

SECONDS = 5.0  # a call that takes longer is stopped
PATIENCE = 20.0  # how long a call that doesn't let itself be stopped is waited for, in seconds
LONGEST = 4_000  # characters of what a call prints


class TookTooLong(BaseException):
    """Raised inside a call that doesn't end; a BaseException, so that `except Exception` lets it pass."""


@dataclass(frozen=True)
class Failure:
    """A call that raised something.

    kind, message: the error's type and text
    line:    the number of the learner's line in their function, counted from 1, or 0
    source:  that line's text
    values:  the names that the line could see
    code:    the code object of the learner's function in which it happened
    seconds: how long the call took, if it was stopped
    """

    kind: str
    message: str
    line: int = 0
    source: str = ""
    values: dict = field(default_factory=dict)
    printed: str = ""
    seconds: float = 0.0

    def same_as(self, other) -> bool:
        return False

    def ends_like(self, other) -> bool:
        """Whether another call stopped with the same error. That's no proof of the same mistake."""
        return isinstance(other, Failure) and (self.kind, self.message) == (other.kind, other.message)


@dataclass(frozen=True)
class Result:
    """What a call returned, as one array or a tuple of them, and which argument it changed."""

    value: object
    changed: str = ""
    printed: str = ""
    values: dict = field(default_factory=dict)

    def same_as(self, other) -> bool:
        return isinstance(other, Result) and close(self.value, other.value)

    ends_like = same_as


def call(function: Callable, case: Case, seconds: float | None = None) -> Result | Failure:
    """Call a function with copies of a case's arguments. Nothing that it prints or raises gets out.

    seconds: after this time the call is stopped; None for the course's own functions, which end
    """
    arguments = copy.deepcopy(dict(case.arguments))
    box: list = []  # what comes out of the call; a call that is stopped leaves it empty
    seen: dict = {}
    printed = _Printed()

    def work():
        with np.errstate(all="ignore"):
            try:
                if seconds is not None:
                    sys.setprofile(_watch(function, seen))
                value = function(*arguments.values())
                sys.setprofile(None)
                box.append(Result(_as_numbers(value)))
            except TookTooLong:
                raise
            except BaseException as error:
                sys.setprofile(None)
                box.append(_failure(error, function))

    start = time.monotonic()
    with contextlib.redirect_stdout(printed):
        if seconds is None:
            work()
        else:
            _limited(work, seconds)
    said = printed.getvalue()
    if not box:
        took = time.monotonic() - start
        return Failure("TookTooLong", "", printed=said, seconds=took)
    if isinstance(box[0], Failure):
        return Failure(**{**vars(box[0]), "printed": said})
    changed = [name for name, given in case.arguments.items() if not _unchanged(given, arguments[name])]
    return Result(box[0].value, changed[0] if changed else "", said, seen)


def _limited(work: Callable, seconds: float) -> None:
    """Run work in a thread of its own, which is stopped after so many seconds.

    Only the other thread is ever interrupted, so whatever the moment, this one goes on. Where Python has no
    threads, as in a browser, a trace function looks at the clock at every line instead.
    """

    def quietly():
        with contextlib.suppress(TookTooLong):
            work()

    thread = threading.Thread(target=quietly, daemon=True, name="check")
    try:
        if sys.platform == "emscripten":
            raise RuntimeError
        thread.start()
    except RuntimeError:
        _traced(work, seconds)
        return
    thread.join(seconds)
    give_up = time.monotonic() + PATIENCE
    try:
        while thread.is_alive() and time.monotonic() < give_up:  # again, for code that catches everything
            _interrupt(thread)
            thread.join(0.02)
    except KeyboardInterrupt:
        _interrupt(thread)
        raise


def _interrupt(thread: threading.Thread) -> None:
    identity = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(TookTooLong))


def _traced(work: Callable, seconds: float) -> None:
    end = time.monotonic() + seconds

    def trace(frame, event, argument):
        if time.monotonic() > end:
            raise TookTooLong
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with contextlib.suppress(TookTooLong):
            work()
    finally:
        sys.settrace(before)
        sys.setprofile(None)


def _watch(function, seen: dict) -> Callable:
    """A profile function that notes the local names of the learner's function when it returns."""
    code = getattr(function, "__code__", None)

    def profile(frame, event, argument):
        if event == "return" and frame.f_code is code:
            seen.clear()
            seen.update(frame.f_locals)

    return profile


class _Printed(io.StringIO):
    """Keeps the first few thousand characters, and can't be closed by the code that prints."""

    def write(self, text: str) -> int:
        room = LONGEST - self.tell()
        if room > 0:
            super().write(text[:room] + (" …" if len(text) > room else ""))
        return len(text)

    def close(self) -> None:
        pass


# ---- what came back ----------------------------------------------------------------------------------------


def _as_numbers(value):
    """An array, a tuple of arrays, None, or a sentence about something else."""
    if is_nothing(value):
        return None
    if isinstance(value, (map, zip)) or inspect.isgenerator(value):
        value = list(value)
    if isinstance(value, (set, dict, str, bytes)):
        return f"Your function returns {kind_of(value)}."
    if isinstance(value, np.ma.MaskedArray):
        return (
            "Your function returns a masked array, and np.ma keeps the hidden numbers: return a plain array."
        )
    if isinstance(value, (list, tuple)) and value:
        parts = [_as_numbers(part) for part in value]
        if any(isinstance(part, tuple) for part in parts):  # tuples of rows in a tuple
            parts = [np.stack(part) if _alike(part) else part for part in parts]
        if all(isinstance(part, np.ndarray) for part in parts):
            shapes = {part.shape for part in parts}
            several = max(map(np.ndim, parts)) > (0 if isinstance(value, tuple) else 1) and (
                isinstance(value, tuple) or len(shapes) > 1
            )
            if several and len(parts) > 1:
                return tuple(parts)
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            return "Your function returns complex numbers."
        if array.dtype.kind == "f":
            return array
        return array.astype(np.int64 if array.dtype.kind in "iub" else np.float64)
    except Exception:
        return (
            f"Your function returns {kind_of(value)} that can't be read as a table of numbers:"
            " are its rows of different lengths, or is a number too large?"
        )


def _alike(part) -> bool:
    return isinstance(part, tuple) and len({each.shape for each in part}) == 1


def close(own, other) -> bool:
    """Whether two results are the same within the precision of their numbers."""
    if isinstance(own, str) or isinstance(other, str) or own is None or other is None:
        return isinstance(own, str) and isinstance(other, str) and own == other
    if isinstance(other, tuple):
        own = own if isinstance(own, tuple) or np.ndim(own) < 2 else tuple(own)  # a list of tables will do
        return isinstance(own, tuple) and len(own) == len(other) and all(map(close, own, other))
    if isinstance(own, tuple):  # a tuple of rows or of heads will do as well
        if len({part.shape for part in own}) != 1:
            return False
        own = np.stack(own)
    if own.shape != other.shape:
        return False
    types = (own.dtype, other.dtype)
    loose = 1e-3 if np.float16 in types else 1e-4 if np.float32 in types else 1e-6
    return np.allclose(own, other, rtol=loose, atol=loose, equal_nan=True)


def is_nothing(value) -> bool:
    """Whether a function returned nothing: None, or the three dots of an open exercise."""
    return value is None or value is ... or value is NotImplemented


def kind_of(value) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _unchanged(given, now) -> bool:
    if not isinstance(given, np.ndarray):
        return bool(given == now)
    return np.array_equal(given, now, equal_nan=given.dtype.kind == "f")


# ---- errors ------------------------------------------------------------------------------------------------


def _failure(error: BaseException, function) -> Failure:
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = "an error whose text can't be read"
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    own = [frame for frame in _frames(error) if frame[0].f_code.co_filename == file]
    if not own:
        return Failure(type(error).__name__, message)
    frame, line = own[-1]
    source = linecache.getline(frame.f_code.co_filename, line).strip()
    return Failure(type(error).__name__, message, line, source, {**frame.f_globals, **frame.f_locals})


def _frames(error: BaseException) -> Iterator[tuple]:
    trace = error.__traceback__
    while trace:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def first_line(function) -> ast.FunctionDef | None:
    """The learner's function as a syntax tree, or None where Python doesn't know its text."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return found[0] if found else None
