"""Section `lines`: who answers which number, for whom, and when."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from gateway.config.admission import LimitsConfig, QueueConfig
from gateway.config.fields import Name, PhoneNumber, Section, tag_of
from gateway.config.handover import Destination, HandoverReport, ToolName
from gateway.config.keypad import Digits, Key, KeyShortcut
from gateway.config.manners import Disclosure, Emergency, Moderation, Silence
from gateway.config.residency import Residency

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


class Tool(StrEnum):
    """What an agent may do with the call itself."""

    END_CALL = "end_call"
    TRANSFER_CALL = "transfer_call"
    SEND_DIGITS = "send_digits"
    COLLECT_DIGITS = "collect_digits"
    HOLD_LINE = "hold_line"


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
    """When the agent answers; none: always. Outside of them callers go to `overflow`."""
    allow_callers: Callers = ()
    """Only these callers are answered, if any are named: numbers, beginnings of numbers, `anonymous`."""
    block_callers: Callers = ()
    """These callers hear a busy line."""
    destinations: tuple[Destination, ...] = ()
    """People callers can be handed over to."""
    caller_id: PhoneNumber | None = None
    """A number of yours (owned in Azure Communication Services) that is shown to destinations with a phone number,
    which can not be called without one."""
    overflow: ToolName | None = None
    """Destination of callers whom no agent can answer: outside of the hours, a line closed by an operator, no model.
    None: they hear a busy line."""
    residency: Residency | None = None
    """Where the words of its calls may be processed; none: anywhere. The gateway does not start with a configuration
    that breaks it."""
    limits: LimitsConfig = LimitsConfig()
    """How much the line takes, and one caller of it."""
    queue: QueueConfig | None = None
    """Callers wait when nobody has capacity; none: they go to `overflow`, or hear a busy line. Keys of the line that
    hand over to a person, or hang up, work while they wait."""
    handover_report: HandoverReport | None = None
    """Tell a service of yours who comes, and what was said."""
    tools: tuple[Tool, ...] = (Tool.END_CALL, Tool.TRANSFER_CALL, Tool.COLLECT_DIGITS, Tool.HOLD_LINE)
    """What the agent may do with the call: end_call, transfer_call (with destinations only), collect_digits (where
    somebody sees them: digits.to_agent or digits.hook), hold_line, send_digits."""
    keys: dict[Key, KeyShortcut] = Field(default_factory=dict)
    """What single keys do, such as "0": {do: transfer, to: operator}."""
    digits: Digits = Digits()
    """Digits the agent asks for."""
    disclosure: Disclosure = Disclosure()
    """Callers are told that they speak with a machine."""
    protect_greeting: bool = False
    """The greeting is said to its end, whatever the caller says meanwhile."""
    silence: Silence | None = Silence()
    """What happens when the caller says nothing; null: nothing."""
    wordless_s: Annotated[float, Field(ge=20, le=600)] | None = 60.0
    """How long there may be sound without a word (a pocket, another system's music) until the caller is asked whether
    somebody is there, and then told goodbye; null: for ever. Goes by transcripts: without them it does nothing."""
    max_minutes: Annotated[float, Field(gt=0, le=55)] = 55.0
    """Longest call. A minute before its end the caller is told; then a goodbye is said. Sessions of the model last an
    hour at most."""
    emergency: Emergency | None = None
    """A sentence for callers in danger; none: the agent deals with it."""
    machines: ToolName | None = None
    """Destination of fax machines and textphones, recognised by their tones; none: a sentence, and the call ends."""
    moderation: Moderation | None = None
    """Words that are not to be heard."""

    def destination(self, name: str) -> Destination:
        """Raises KeyError for a name that is not configured; a checked configuration names no other."""
        for destination in self.destinations:
            if destination.name == name:
                return destination
        raise KeyError(name)

    @model_validator(mode="after")
    def _destinations_can_be_called(self) -> Self:
        if self.caller_id is None and any(destination.phone_number for destination in self.destinations):
            raise ValueError("caller_id is needed: a phone number can only be called from a number of yours")
        return self
