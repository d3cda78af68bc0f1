"""An event loop whose clock jumps over idle time: a call of a minute runs in a second or two, with real sockets.

`loop.time()` stands still while anything can be read, written or run, and jumps to the next timer when nothing can.
Before every jump the sockets get a short real moment, because data sent over loopback may still be in flight.

Limits, all of them by design:

- Only what happens inside this process counts as work in progress. A peer in another process is seen while it is
  quick; one that needs 0.2 ms to think loses time to the jump. Whole systems in several processes run on real time.
- Executor jobs (name look-ups, files) hold the clock until they are done. Other threads do not: a thread that calls
  back with `call_soon_threadsafe` is served, but timers may have run before.
- Code under test must take its clock from the loop. `time.monotonic()` and `time.time()` go on in real time, so a
  token that is valid for five minutes of wall clock stays valid for hours of virtual time.
- Nothing to wait for at all, neither a timer nor a socket that speaks within `patience_s`, is a deadlock: the loop
  raises `VirtualDeadlock` instead of hanging.
"""

from __future__ import annotations

import asyncio
import select
import selectors
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SETTLE_S = 0.0002
"""Real time the sockets get before each jump. Loopback delivers within the sender's system call as a rule; this
covers a kernel that puts it off."""

_EXECUTOR_SLICE_S = 0.05
"""How long a wait for an executor job lasts before its state is looked at again; its end wakes the loop anyway."""

START_S = 1000.0
"""First value of the clock. Not 0, so that code which takes 0 for "never" fails in a test and not in production."""


class VirtualDeadlock(RuntimeError):  # noqa: N818 - named for what happened
    """Everything waits, and nothing that could end the waiting exists."""


class _JumpingSelector(selectors.BaseSelector):
    """Asks the real selector first; where it has nothing, tells the loop to jump instead of waiting."""

    def __init__(self, jump: Callable[[float], None], busy: Callable[[], bool], patience_s: float) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump
        self._busy = busy
        self._patience_s = patience_s

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        # epoll counts in whole milliseconds; a select() on its own descriptor waits for fractions of one.
        select.select([self._real], [], [], SETTLE_S)
        ready = self._real.select(0)
        if ready:
            return ready
        if self._busy():
            return self._real.select(_EXECUTOR_SLICE_S)
        if timeout is not None:
            self._jump(timeout)
            return []
        ready = self._real.select(self._patience_s)
        if not ready:
            raise VirtualDeadlock(f"no timer is set and no socket spoke for {self._patience_s} s of real time")
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector event loop with the jumping clock; `asyncio.Runner(loop_factory=VirtualTimeLoop)` runs one.

    Args:
        start_s: what `time()` shows first.
        patience_s: real time without any event after which a loop without timers counts as deadlocked.
    """

    def __init__(self, *, start_s: float = START_S, patience_s: float = 5.0) -> None:
        self._now_s = start_s
        self._executor_jobs = 0
        super().__init__(_JumpingSelector(self._jump, self._has_executor_jobs, patience_s))

    def time(self) -> float:
        """Virtual seconds; monotonic."""
        return self._now_s

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """As on every loop; the clock stands still until the job is done."""
        future = super().run_in_executor(executor, func, *args)
        self._executor_jobs += 1
        future.add_done_callback(self._executor_job_done)
        return future

    def _executor_job_done(self, _future: asyncio.Future[T]) -> None:
        self._executor_jobs -= 1

    def _has_executor_jobs(self) -> bool:
        return self._executor_jobs > 0

    def _jump(self, delay_s: float) -> None:
        self._now_s += delay_s


def virtual_time_runner(*, debug: bool | None = None) -> asyncio.Runner:
    """Run code on virtual time; a context manager like every asyncio.Runner."""
    return asyncio.Runner(debug=debug, loop_factory=VirtualTimeLoop)
