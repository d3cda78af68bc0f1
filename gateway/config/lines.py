"""Section `lines`: who answers which number, for whom, and when."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from gateway.config.fields import Name, Section, tag_of

ANONYMOUS = "anonymous"
"""In a list of callers: those who withhold their number."""
MINUTES_A_DAY = 24 * 60


class Day(StrEnum):
    """Days of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_SPAN = re.compile(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")


def minutes_of(span: str) -> tuple[int, int]:
    """Begin and end of "HH:MM-HH:MM" in minutes of the day; an end that is not later belongs to the day after.

    Raises:
        ValueError: it is not written so.
    """
    match = _SPAN.fullmatch(span)
    if match is None:
        raise ValueError('should be written "08:00-18:00"')
    begin, end = (int(match[hour]) * 60 + int(match[hour + 1]) for hour in (1, 3))
    if begin >= MINUTES_A_DAY or end > MINUTES_A_DAY:
        raise ValueError("is no time of day; a day ends at 24:00")
    return begin, end if end > begin else end + MINUTES_A_DAY


def _span(value: str) -> str:
    minutes_of(value)
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone of the IANA database, such as Europe/Berlin") from None
    return value


Span: TypeAlias = Annotated[str, AfterValidator(_span)]
NumberPattern: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\+[1-9]([0-9]{6,14}|[0-9]{0,13}\*)$")]
"""E.164 with its plus sign, or the beginning of such numbers with a star behind it."""


class Hours(Section):
    """When a line is open."""

    timezone: Annotated[str, AfterValidator(_zone)]
    """Where the clock is read: a name of the IANA database, such as Europe/Berlin."""
    open: dict[Day, tuple[Span, ...]]
    """Times by day (mon, tue, ... sun), such as "08:00-18:00"; days that are missing are closed. A span that ends
    before it begins ("22:00-06:00") goes on into the next morning."""
    holidays: tuple[date, ...] = ()
    """Dates (YYYY-MM-DD) on which nothing begins; what began the evening before goes on."""

    @model_validator(mode="after")
    def _open_at_all(self) -> Self:
        if not any(self.open.values()):
            raise ValueError("the line would never be open")
        return self


def _numbers_tag(value: Any) -> str:
    return tag_of(value, text="any_number", other="listed_numbers")


Numbers: TypeAlias = Annotated[
    Annotated[Literal["*"], Tag("any_number")]
    | Annotated[tuple[NumberPattern, ...], Field(min_length=1), Tag("listed_numbers")],
    Discriminator(_numbers_tag),
]
Callers: TypeAlias = tuple[NumberPattern | Literal["anonymous"], ...]


class Line(Section):
    """Which agent answers which number."""

    name: Name
    """How logs call it."""
    numbers: Numbers
    """Called numbers in E.164 with the plus sign, in quotes, or beginnings of them ("+4989*"); or "*" for every number
    that no other line has. A number itself wins over a beginning of it, a longer beginning over a shorter one."""
    agent: Name
    """Which of `agents`."""
    hours: Hours | None = None
    """When it is answered; none: always. Outside of them the caller hears a busy line."""
    allow_callers: Callers = ()
    """Only these callers are answered, if any are named: numbers, beginnings of numbers, `anonymous`."""
    block_callers: Callers = ()
    """These callers hear a busy line."""
