"""Which line takes a call, and whether it takes it now. Pure: the moment is an argument."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.config.lines import ANONYMOUS, MINUTES_A_DAY, Day, Hours, Line, minutes_of
from gateway.outcome import Reason

_DAYS = tuple(Day)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes."""

    line: Line | None
    refusal: Reason | None
    """why it is not answered; None: it is"""
    why: str
    """one line for people; holds no number of a caller"""


def route(
    lines: Iterable[Line], called: str | None, caller: str | None, at: datetime, closed: Container[str] = frozenset()
) -> Route:
    """Find the line of a call.

    Args:
        lines: of the configuration.
        called: E.164; None where the called party is not a phone number.
        caller: the same; None for one who withholds it.
        at: when the phone rings, with a time zone.
        closed: names of the lines that an operator has closed.
    """
    line, why = _line_of(lines, called)
    if line is None:
        return Route(None, Reason.NO_LINE, why)
    if _matches(line.block_callers, caller):
        return Route(line, Reason.REJECTED_CALLER, f"{why}; the caller is blocked there")
    if line.allow_callers and not _matches(line.allow_callers, caller):
        return Route(line, Reason.REJECTED_CALLER, f"{why}; the caller is not among those it allows")
    if line.name in closed:
        return Route(line, Reason.LINE_CLOSED, f"{why}; an operator has closed it")
    if line.hours is not None and not is_open(line.hours, at):
        return Route(line, Reason.AFTER_HOURS, f"{why}; it is closed at {_local(line.hours, at)}")
    return Route(line, None, why)


def is_open(hours: Hours, at: datetime) -> bool:
    """Whether a span that began today, or yesterday and goes on, holds this moment."""
    local = at.astimezone(ZoneInfo(hours.timezone))
    minute = local.hour * 60 + local.minute
    return any(
        begin <= minute + days_ago * MINUTES_A_DAY < end
        for days_ago in (0, 1)
        for begin, end in _spans(hours, local - timedelta(days=days_ago))
    )


def _spans(hours: Hours, day: datetime) -> Iterator[tuple[int, int]]:
    """Of one day, in its minutes."""
    if day.date() in hours.holidays:
        return
    yield from map(minutes_of, hours.open.get(_DAYS[day.weekday()], ()))


def _local(hours: Hours, at: datetime) -> str:
    return at.astimezone(ZoneInfo(hours.timezone)).strftime("%a %H:%M ") + hours.timezone


def _line_of(lines: Iterable[Line], called: str | None) -> tuple[Line | None, str]:
    """The line whose pattern says most about the number, and how it was found."""
    best: tuple[int, Line, str] | None = None
    for line in lines:
        for pattern in ("*",) if line.numbers == "*" else line.numbers:
            weight = _weight(pattern, called)
            if weight is not None and (best is None or weight > best[0]):
                best = (weight, line, pattern)
    if best is None:
        return None, "no line has this number, and none has every other"
    _, line, pattern = best
    return line, f"line {line.name} has {'every number that no other line has' if pattern == '*' else pattern}"


def _weight(pattern: str, number: str | None) -> int | None:
    """How much a pattern says about a number; None: it does not fit."""
    if pattern == "*":
        return 0
    if number is None:
        return None
    if pattern.endswith("*"):
        return len(pattern) if number.startswith(pattern[:-1]) else None
    return 1000 if number == pattern else None


def _matches(callers: Iterable[str], caller: str | None) -> bool:
    if caller is None:
        return ANONYMOUS in callers
    return any(pattern != ANONYMOUS and _weight(pattern, caller) is not None for pattern in callers)
