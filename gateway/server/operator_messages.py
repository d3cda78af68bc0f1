"""What the operator's listener says to commands; the command line reads the same types back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class CallEntry(msgspec.Struct, frozen=True):
    """A live call; nothing in it says who calls."""

    call_id: str
    line: str
    agent: str
    deployment: str
    state: str
    """connecting, bridged, detached or closing"""
    age_s: float
    """since the model was ready, which is while the phone rings"""


class Calls(msgspec.Struct, frozen=True):
    calls: list[CallEntry]
    """the oldest first"""


class LineEntry(msgspec.Struct, frozen=True):
    """A line of the configuration in force."""

    name: str
    state: Literal["open", "closed"]
    """closed: by an operator; opening hours are another matter"""
    closed_at: datetime | None
    closed_by: str | None
    """id of the operator's key"""
    live_calls: int


class Lines(msgspec.Struct, frozen=True):
    lines: list[LineEntry]


class HangingUp(msgspec.Struct, frozen=True):
    """A call that is being ended."""

    call_id: str
    goodbye: bool


class Reloaded(msgspec.Struct, frozen=True):
    """A configuration that new calls begin with."""

    result: Literal["taken", "unchanged"]
    checksum: str


class Refusal(msgspec.Struct, frozen=True):
    """The part of a problem document (RFC 9457) that people read."""

    title: str
    errors: list[str] = []
    """what is wrong with a configuration, one sentence each"""
