"""Call a learner's function safely: on copies, with a time limit, and nothing that it prints gets out."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import linecache
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.ma import MaskedArray  # imported on first use otherwise, which the time limit would cut short

from helpers.checks.limit import TookTooLong, limited

__all__ = [
    "Failure",
    "Place",
    "Result",
    "call",
    "close",
    "is_nothing",
    "kind_of",
    "where",
]

LONGEST = 4_000  # characters of what a call prints, and rows of a generator, that are kept


@dataclass(frozen=True)
class Place:
    """The learner's own line in which something happened.

    line:   its number in the cell or file
    where:  "line 3 of your cell", "line 12 of answers.py", or "" where there is no such line
    source: its text
    values: the names that the line could see
    """

    line: int = 0
    where: str = ""
    source: str = ""
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Failure:
    """A call that raised something, or that was stopped (kind "TookTooLong").

    error:   the exception itself, None for a call that was stopped
    seconds: how long the call took
    """

    kind: str
    message: str = ""
    place: Place = Place()
    error: BaseException | None = field(default=None, repr=False)
    printed: str = ""
    seconds: float = 0.0

    def same_as(self, other: object) -> bool:
        return isinstance(other, Failure) and (self.kind, self.message) == (other.kind, other.message)


@dataclass(frozen=True)
class Result:
    """What a call returned, as one array or a tuple of them, and which argument it changed."""

    value: object
    changed: str = ""
    printed: str = ""
    seconds: float = 0.0

    def same_as(self, other: object) -> bool:
        return isinstance(other, Result) and close(self.value, other.value)


def call(
    function: Callable, arguments: Mapping[str, object], seconds: float | None = None
) -> Result | Failure:
    """Call a function with copies of the arguments. Nothing that it prints or raises gets out.

    seconds: the call is stopped after this time; None for the course's own functions, which end

    >>> call(lambda x: 2 * x, {"x": 21}).value
    array(42)
    """
    given, printed = copy.deepcopy(dict(arguments)), _Printed()

    def work():
        return _as_numbers(function(*given.values()))

    try:
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            value = work() if seconds is None else limited(work, seconds)
            took = time.perf_counter() - start
    except TookTooLong:
        return Failure("TookTooLong", printed=printed.getvalue(), seconds=time.perf_counter() - start)
    except KeyboardInterrupt:  # the learner stops the cell
        raise
    except BaseException as error:
        place, took = _place(error, function), time.perf_counter() - start
        return Failure(type(error).__name__, _text(error), place, error, printed.getvalue(), took)
    if seconds is not None and took > seconds:  # one long call in C, which nothing can interrupt
        return Failure("TookTooLong", printed=printed.getvalue(), seconds=took)
    changed = next((name for name, x in arguments.items() if not _unchanged(x, given[name])), "")
    return Result(value, changed, printed.getvalue(), took)


class _Printed(io.StringIO):
    """Keeps the first few thousand characters, and can't be closed by the code that prints."""

    def write(self, text: str) -> int:
        room = LONGEST - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)

    def close(self) -> None:
        pass


# ---- what came back ----------------------------------------------------------------------------------------


def _as_numbers(value):
    """An array, a tuple of arrays, None, or a sentence about something else."""
    if is_nothing(value):
        return None
    if inspect.isgenerator(value) or isinstance(value, (map, zip, filter)):
        value = list(islice(value, LONGEST))
        if not value:
            return "Your function returns a generator that yields nothing."
    if isinstance(value, (set, dict, str, bytes)):
        return f"Your function returns {kind_of(value)}."
    if isinstance(value, MaskedArray):
        value = value.filled(np.nan)
    if isinstance(value, (list, tuple)) and any(_is_iterator(part) for part in value):
        value = [list(islice(part, LONGEST)) if _is_iterator(part) else part for part in value]
    if _too_deep(value):
        return "Your function returns lists that are nested too deep, or too long, to be a table of numbers."
    try:
        array = np.asarray(value)
        if array.dtype.kind in "SU":
            return "Your function returns text where numbers are expected."
        if array.dtype.kind == "c":
            return "Your function returns complex numbers."
        if array.dtype.kind in "Mm":
            return "Your function returns dates."
        if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
            return array
        return array.astype(np.int64 if array.dtype.kind in "iub" else np.float64)
    except TookTooLong:
        raise
    except Exception as error:
        if isinstance(value, (list, tuple)) and len(value) <= 100:  # several results, each of its own shape
            parts = [_as_numbers(part) for part in value]
            arrays = all(isinstance(part, np.ndarray) for part in parts)
            if arrays and (isinstance(value, tuple) or max(part.ndim for part in parts) > 1):
                return tuple(parts)
        what = f"Your function returns {kind_of(value)} that can't be read as numbers"
        if isinstance(error, OverflowError):
            return f"{what}: one of them is too large for a float."
        if isinstance(value, (list, tuple)) and any(part is None for part in value):
            return f"{what}: there is a None in it."
        if isinstance(value, (list, tuple)):
            return f"{what}: its rows have different lengths."
        return f"{what}."


def _too_deep(value) -> bool:
    """Whether lists hold more than a table can. A list that holds itself would keep NumPy busy for ever."""
    level = [value]
    for _ in range(6):
        level = [part for each in level if isinstance(each, (list, tuple)) for part in each[:LONGEST]]
        if len(level) > 100 * LONGEST:
            return True
    return any(isinstance(each, (list, tuple)) for each in level)


def _is_iterator(value):
    return inspect.isgenerator(value) or isinstance(value, (map, zip, filter))


def close(own, other) -> bool:
    """Whether two results are the same, as far as the precision of their numbers goes."""
    if isinstance(other, tuple):
        own = own if isinstance(own, tuple) or np.ndim(own) < 2 else tuple(own)  # a table of tables will do
        return isinstance(own, tuple) and len(own) == len(other) and all(map(close, own, other))
    own, other = (np.asarray(x) if isinstance(x, (float, int, np.generic)) else x for x in (own, other))
    if not isinstance(own, np.ndarray) or not isinstance(other, np.ndarray):
        return isinstance(own, str) and isinstance(other, str) and own == other
    if own.shape != other.shape:
        return False
    kinds = {own.dtype.name, other.dtype.name}
    loose = (
        3e-2 if "bfloat16" in kinds else 3e-3 if "float16" in kinds else 1e-4 if "float32" in kinds else 1e-5
    )
    with np.errstate(all="ignore"):
        return np.allclose(own.astype(float), other.astype(float), rtol=loose, atol=loose, equal_nan=True)


def is_nothing(value: object) -> bool:
    """Whether a function returned nothing: None, or the three dots of an open exercise."""
    return value is None or value is ... or value is NotImplemented


def kind_of(value: object) -> str:
    """The type of a value with its article: "a list", "an ndarray"."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _unchanged(given, now) -> bool:
    if isinstance(given, dict):
        return given.keys() == now.keys() and all(_unchanged(given[name], now[name]) for name in given)
    if not isinstance(given, np.ndarray):
        return bool(given == now)
    return np.array_equal(given, now, equal_nan=given.dtype.kind == "f")


# ---- where an error happened -------------------------------------------------------------------------------


def _text(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:
        return "(an error whose text can't be read)"


def _place(error: BaseException, function: Callable) -> Place:
    """The last line of the learner's, in the cell or file of their function or in another cell."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    own, trace = None, error.__traceback__
    while trace:
        name = trace.tb_frame.f_code.co_filename
        if file and (name == file or re.search(r"ipykernel_\d|<ipython-input", name)):
            own = trace
        trace = trace.tb_next
    if own is None:
        return Place()
    name, line = own.tb_frame.f_code.co_filename, own.tb_lineno
    values = {**own.tb_frame.f_globals, **own.tb_frame.f_locals}
    return Place(line, where(name, line), linecache.getline(name, line).strip(), values)


def where(file: str, line: int) -> str:
    """A line in words: "line 3 of your cell", or "line 12 of answers.py" for a function from a file.

    >>> where("answers.py", 12)
    'line 12 of answers.py'
    """
    in_cell = re.search(r"ipykernel_\d|^<", file)
    return f"line {line} of {'your cell' if in_cell else Path(file).name}"
