"""A time limit for a call, which can't go off after the call has ended.

Where there are timers, a signal is sent after so many seconds, and again until the call ends. Its handler
runs in the main thread, between two steps of whatever runs there by then; so it raises only if the frame that
it has interrupted belongs to the call. Elsewhere (in a browser, on Windows, in another thread) a trace
function looks at the clock at every step of the call, and of nothing else.
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

AGAIN = 0.02  # seconds until the next signal, for code that catches everything
_LIBRARY = (str(Path(threading.__file__).parent), "<frozen ")


class TookTooLong(BaseException):
    """Raised inside a call that doesn't end; a BaseException, so that `except Exception` lets it pass."""


def limited(work: Callable, seconds: float):
    """Call work() and return what it returns; after so many seconds, raise TookTooLong inside it."""
    has_timers = hasattr(signal, "setitimer") and sys.platform != "emscripten"
    if has_timers and threading.current_thread() is threading.main_thread():
        return _Alarm().run(work, seconds)
    return _traced(work, seconds)


class _Alarm:
    def run(self, work: Callable, seconds: float):
        self.below: FrameType | None = sys._getframe()
        self.inside, self.trace_before = True, sys.gettrace()
        handler = signal.signal(signal.SIGALRM, self._ring)
        timer = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        try:
            return work()
        finally:
            self.inside = False  # in this very frame: from here on the handler raises nothing
            sys.settrace(self.trace_before)
            signal.setitimer(signal.ITIMER_REAL, *timer)
            # A signal may still be on its way, and what Python does by default would end the process.
            signal.signal(signal.SIGALRM, handler if callable(handler) else _ignore)
            self.below = None

    def _ring(self, number, frame):
        between, interrupted = [], frame
        while frame is not None and frame is not self.below:
            between.append(frame)
            frame = frame.f_back
        if not (self.inside and frame is self.below and between):
            return
        if interrupted.f_code.co_filename.startswith("<frozen importlib"):
            return  # half an import would spoil the next one; the next signal comes soon
        # Code that catches this meets another one at its next line, and then a signal at a random moment, so
        # that one of them hits the few steps outside of any try.
        for each in between:
            each.f_trace = self._trace
        sys.settrace(self._trace)
        signal.setitimer(signal.ITIMER_REAL, (2 + time.perf_counter_ns() % 200) * 1e-6, AGAIN)
        raise TookTooLong

    def _trace(self, frame, event, argument):
        if event == "line" and not frame.f_code.co_filename.startswith(_LIBRARY):
            raise TookTooLong
        return self._trace


def _ignore(number, frame):
    pass


def _traced(work: Callable, seconds: float):
    end = time.perf_counter() + seconds

    def trace(frame, event, argument):
        frame.f_trace_opcodes = True  # a loop within one line may have no other events
        in_library = frame.f_code.co_filename.startswith(_LIBRARY)  # which drops what callbacks raise
        if time.perf_counter() > end and event != "return" and not in_library:
            raise TookTooLong
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return work()
    finally:
        sys.settrace(before)
