"""The live calls of this process: found by id, each with one owner task, and waited for at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import structlog

from gateway.calls.live import LiveCall
from gateway.outcome import Outcome

log = structlog.get_logger()


class CallSupervisor:
    """Owns the task of every call."""

    def __init__(self, on_broken: Callable[[], None]) -> None:
        self._calls: dict[str, tuple[LiveCall, asyncio.Task[None]]] = {}
        self._on_broken = on_broken

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[LiveCall]:
        """The oldest first."""
        return iter([call for call, _ in self._calls.values()])

    def start(self, call: LiveCall) -> None:
        self._calls[call.call_id] = (call, asyncio.create_task(self._run(call), name=f"call {call.call_id}"))

    def get(self, call_id: str) -> LiveCall | None:
        entry = self._calls.get(call_id)
        return entry[0] if entry is not None else None

    async def wait_empty(self, timeout_s: float) -> bool:
        """Wait until no call is left; False if some are after `timeout_s`."""
        tasks = [task for _, task in self._calls.values()]
        if not tasks:
            return True
        _, left = await asyncio.wait(tasks, timeout=timeout_s)
        return not left

    async def end_all(self, outcome: Outcome, timeout_s: float) -> None:
        """Hang up what is left, then make sure that nothing of it remains."""
        for call, _ in list(self._calls.values()):
            call.end(outcome)
        await self.wait_empty(timeout_s)
        tasks = [task for _, task in self._calls.values()]
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
            del self._calls[call.call_id]
