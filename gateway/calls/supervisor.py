"""The live calls of this process: found by id, each with one owner task, and waited for at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import structlog

from gateway.calls.live import LiveCall
from gateway.outcome import Outcome

log = structlog.get_logger()

MAX_ENDED = 2_000
"""More than end in the two minutes in which a ticket opens a first media stream."""


class CallSupervisor:
    """Owns the task of every call."""

    def __init__(self, on_broken: Callable[[], None], on_ended: Callable[[str], None] = lambda _call_id: None) -> None:
        """`on_broken`: an error of ours ended a call; `on_ended`: nothing of the call of this id is left."""
        self._calls: dict[str, LiveCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: dict[str, None] = {}
        """the latest calls that are over, the oldest first"""
        self._on_broken = on_broken
        self._on_ended = on_ended

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[LiveCall]:
        """The oldest first."""
        return iter(list(self._calls.values()))

    def start(self, call: LiveCall) -> None:
        """From now on it is found by its id; another of the same id, which comes to its end, is not any more."""
        self._calls[call.call_id] = call
        task = asyncio.create_task(self._run(call), name=f"call {call.call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def get(self, call_id: str) -> LiveCall | None:
        return self._calls.get(call_id)

    def had(self, call_id: str) -> bool:
        """Whether a call of this id has ended here, not long ago."""
        return call_id in self._ended

    async def wait_empty(self, timeout_s: float) -> bool:
        """Wait until no call is left; False if some are after `timeout_s`."""
        if not self._tasks:
            return True
        _, left = await asyncio.wait(self._tasks, timeout=timeout_s)
        return not left

    async def end_all(self, outcome: Outcome, timeout_s: float) -> None:
        """Hang up what is left, then make sure that nothing of it remains."""
        for call in list(self._calls.values()):
            call.end(outcome)
        await self.wait_empty(timeout_s)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, call: LiveCall) -> None:
        structlog.contextvars.bind_contextvars(call_id=call.call_id)
        try:
            await call.run()
        except Exception:  # the edge of a call task: one call ends, the process goes on
            log.exception("call.broken")
            self._on_broken()
        finally:
            if self._calls.get(call.call_id) is call:
                del self._calls[call.call_id]
                self._ended[call.call_id] = None
                if len(self._ended) > MAX_ENDED:
                    del self._ended[next(iter(self._ended))]
                self._on_ended(call.call_id)
