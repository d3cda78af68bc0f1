"""The end of the process: whom it waits for, said every few seconds, and what is done with who is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import structlog

from gateway.calls.live import LiveCall
from gateway.calls.supervisor import CallSupervisor
from gateway.capacity.drain import Drain, Stage
from gateway.outcome import Outcome, Reason

LOOK_S = 0.2
REPORT_S = 5.0
NAMED = 5
"""Calls that a report names: the oldest."""
LEFT_BEHIND = Outcome(Reason.DRAIN_DEADLINE)

log = structlog.get_logger()


async def see_out(
    drain: Drain, supervisor: CallSupervisor, ringing: Callable[[], int], clock: Callable[[], float]
) -> None:
    """Return when the process may end: the last call is over, or time is up.

    Args:
        drain: has begun.
        supervisor: of the live calls.
        ringing: how many calls are being decided on.
        clock: seconds, monotonic.
    """
    began, report_at = clock(), clock()
    told = {Stage.HANDING_OVER: False, Stage.GOODBYES: False}
    while not drain.done(len(supervisor) + ringing(), clock()):
        now = clock()
        stage = drain.stage(now)
        if stage in told and not told[stage]:
            told[stage] = True
            log.warning("drain.deadline", stage=stage.name.lower(), live=len(supervisor))
            for call in supervisor:
                _end(call, stage)
        if now >= report_at:
            report_at = now + REPORT_S
            _report(drain, supervisor, ringing(), now)
        await asyncio.sleep(LOOK_S)
    log.info("drain.ended", seconds=round(clock() - began, 1), left=len(supervisor))


def _end(call: LiveCall, stage: Stage) -> None:
    if stage is Stage.HANDING_OVER:
        call.let_go(LEFT_BEHIND)
    else:
        call.say_goodbye(LEFT_BEHIND)


def _report(drain: Drain, supervisor: CallSupervisor, ringing: int, now: float) -> None:
    calls = list(supervisor)
    log.info(
        "drain.waiting",
        stage=drain.stage(now).name.lower(),
        live=len(calls),
        ringing=ringing,
        oldest_s=round(max((now - call.began_at for call in calls), default=0.0)),
        waits_for=list(_named(calls, now)),
        deadline_in_s=round(drain.left_s(now)),
    )


def _named(calls: list[LiveCall], now: float) -> Iterator[str]:
    """The calls that have lasted longest."""
    for call in sorted(calls, key=lambda call: call.began_at)[:NAMED]:
        yield f"{call.call_id} on {call.names.line}, {now - call.began_at:.0f} s"
