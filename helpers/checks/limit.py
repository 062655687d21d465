"""A time limit for a call, which can't go off after the call has ended.

A trace function looks at the clock at every line that the call runs, in the call's own thread, and so can't
interrupt anything else. Code that catches even that is interrupted again by a signal whose handler looks at
which frame it has interrupted, and raises inside the call only.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

__all__ = ["TookTooLong", "limited"]

INSIST_AFTER = 0.05  # seconds that a call is given to end by itself once it has been interrupted
_LIBRARY = (str(Path(threading.__file__).parent), "<frozen ")


class TookTooLong(BaseException):
    """Raised inside a call that doesn't end; a BaseException, so that `except Exception` lets it pass."""


def limited(work: Callable, seconds: float):
    """Call work() and return what it returns; after so many seconds, raise TookTooLong inside it."""
    end, insisting = time.perf_counter() + seconds, _Insisting(sys._getframe())

    def trace(frame, event, argument):
        if time.perf_counter() > end and event in ("call", "line"):
            insisting.start(trace)
            if not frame.f_code.co_filename.startswith(
                _LIBRARY
            ):  # which runs callbacks that drop what is raised
                raise TookTooLong
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return work()
    finally:
        insisting.inside = False  # in this very frame: from here on no handler raises
        sys.settrace(before)
        insisting.stop()


class _Insisting:
    """Interrupts a call that catches its interruptions, until it ends (where there are timers).

    A signal's handler runs between two steps of the main thread, wherever that is by then. So it raises only
    if the frame that it interrupts was called, at some remove, by the frame `below`.
    """

    def __init__(self, below: FrameType):
        self.below: FrameType | None = below
        self.started, self.inside = False, True

    def start(self, trace: Callable) -> None:
        """Begin, in a moment. Only the main thread can be reached by a signal."""
        here = threading.current_thread() is threading.main_thread()
        if here and not self.started and hasattr(signal, "setitimer"):
            self.started, self.trace = True, trace
            self.handler = signal.signal(signal.SIGALRM, self._raise_inside)
            self.timer = signal.setitimer(signal.ITIMER_REAL, INSIST_AFTER, INSIST_AFTER)

    def stop(self) -> None:
        if self.started:
            signal.setitimer(signal.ITIMER_REAL, *self.timer)
            # A signal may still be on its way, and what Python does by default would end the process.
            signal.signal(signal.SIGALRM, self.handler if callable(self.handler) else _ignore)
        self.below = None

    def _raise_inside(self, number, frame):
        between = []
        while frame is not None and frame is not self.below:
            between.append(frame)
            frame = frame.f_back
        if not (self.inside and frame is self.below and between):
            return
        for each in between:  # an interruption ends a trace, so it begins again: the next line raises too
            each.f_trace = self.trace
        sys.settrace(self.trace)
        # The next signal comes at random, so that it also hits the few steps outside of any try.
        signal.setitimer(signal.ITIMER_REAL, (2 + time.perf_counter_ns() % 200) * 1e-6, INSIST_AFTER)
        raise TookTooLong


def _ignore(number, frame):
    pass
