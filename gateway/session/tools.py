"""What the model asks for with its tools: judged, done once, answered, and followed by an answer to the caller.

A call id is executed once, however often it comes. What comes of a call is told when the response that made it is over,
and only then the model is asked to go on: the service refuses both earlier. Arguments are a stranger's text, by way of
the model: nothing is taken from them that is not in the line's own settings, byte for byte.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from gateway.session.effects import ToolOutput
from gateway.session.events import FunctionCall
from gateway.session.settings import ToolSettings

MAX_ARGUMENT_BYTES = 8 * 1024
MAX_CALLS = 30
"""Of one phone call; a model that wants more is in a loop."""
MAX_CALLS_A_MINUTE = 5
MINUTE_S = 60.0
MAX_DIGITS = 18
"""What the phone network sends at once."""
MAX_SUMMARY = 500
MAX_PURPOSE = 60
MAX_COLLECTED = 32
MAX_HOLD_S = 300.0
TOOL_S = 5.0
"""Somebody who should answer a call and has not by then never will."""
MAX_REMEMBERED = 64
"""Responses that are over, and could be named by a call that comes late."""
EMERGENCY = "report_emergency"

_DIGITS = re.compile(r"[0-9*#]{1,18}")
_KEYS = frozenset("0123456789*#")
_HIDING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Marks and fillers that nobody sees though Unicode counts them among the printable: text can be hidden in them."""


@dataclass(frozen=True, slots=True)
class EndCall:
    call_id: str
    response_id: str


@dataclass(frozen=True, slots=True)
class TransferCall:
    call_id: str
    response_id: str
    destination: str
    summary: str


@dataclass(frozen=True, slots=True)
class SendTones:
    call_id: str
    digits: str


@dataclass(frozen=True, slots=True)
class CollectDigits:
    call_id: str
    count: int
    terminator: str
    """one key, or empty"""
    purpose: str


@dataclass(frozen=True, slots=True)
class HoldLine:
    call_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ReportEmergency:
    call_id: str


Asked: TypeAlias = EndCall | TransferCall | SendTones | CollectDigits | HoldLine | ReportEmergency


class BadArguments(Exception):  # noqa: N818 - named for what happened; its text is told to the model
    """A tool can not be carried out as asked."""


@dataclass(slots=True)
class _Call:
    response_id: str
    name: str
    output: str | None = None
    follow_up: bool | None = True
    """the model is to go on when it has been told; None: only if it said nothing with the call"""
    told: bool = False
    refused: bool = False


class Tools:
    """The calls of one conversation."""

    def __init__(self, settings: ToolSettings, *, has_emergency: bool = False) -> None:
        self._settings = settings
        self._names = settings.names | ({EMERGENCY} if has_emergency else set())
        self._calls: dict[str, _Call] = {}
        self._over: set[str] = set()
        """responses that are done, and have calls that are not told yet"""
        self._done: dict[str, None] = {}
        """responses that are done, the newest"""
        self._recent: deque[float] = deque(maxlen=MAX_CALLS_A_MINUTE)

    def __repr__(self) -> str:
        return f"<Tools {len(self._calls)} calls, {sum(call.output is None for call in self._calls.values())} open>"

    # --- judging --------------------------------------------------------------------------------------------------

    def take(self, call: FunctionCall, now: float) -> Asked | None:
        """What the model wants. None: nothing is to be done, and the model is told why, if it is to be told."""
        if self.knows(call.call_id):
            return None  # it came twice
        self._calls[call.call_id] = _Call(call.response_id, call.name)
        if call.response_id in self._done or not call.response_id:
            self._over.add(call.response_id)  # no end of it will come
        try:
            self._count(now)
            return self._judge(call)
        except BadArguments as error:
            self.refuse(call.call_id, str(error))
            return None

    def knows(self, call_id: str) -> bool:
        """The call was taken before."""
        return call_id in self._calls

    def name_of(self, call_id: str) -> str:
        """Of a call that was taken: one of the known tools, for logs and metrics; "unknown" for any other name."""
        name = self._calls[call_id].name
        return name if name in self._names else "unknown"

    def was_refused(self, call_id: str) -> bool:
        """It was answered without being carried out."""
        return self._calls[call_id].refused

    def exhausted(self, now: float) -> bool:
        """A call would be refused now, whatever it asks for."""
        return len(self._calls) >= MAX_CALLS or self._too_fast(now)

    def _too_fast(self, now: float) -> bool:
        return len(self._recent) == MAX_CALLS_A_MINUTE and now - self._recent[0] < MINUTE_S

    def _count(self, now: float) -> None:
        if len(self._calls) > MAX_CALLS:
            raise BadArguments("too many tool calls in this phone call; speak with the caller instead")
        if self._too_fast(now):
            raise BadArguments("too many tool calls in a minute; speak with the caller first")
        self._recent.append(now)

    def _judge(self, call: FunctionCall) -> Asked:
        if call.name not in self._names:
            raise BadArguments(f"there is no such tool; there are: {', '.join(sorted(self._names))}")
        given = _arguments(call.arguments)
        match call.name:
            case "end_call":
                return EndCall(call.call_id, call.response_id)
            case "transfer_call":
                summary = plain(given.get("summary"), MAX_SUMMARY)
                return TransferCall(call.call_id, call.response_id, self._destination(given), summary)
            case "send_digits":
                return SendTones(call.call_id, _sendable(given))
            case "collect_digits":
                return CollectDigits(
                    call.call_id,
                    _count(given),
                    _terminator(given),
                    plain(given.get("purpose"), MAX_PURPOSE),
                )
            case "hold_line":
                return HoldLine(call.call_id, _number(given, "seconds", 5.0, MAX_HOLD_S, 60.0))
            case _:
                return ReportEmergency(call.call_id)

    def _destination(self, given: dict[str, Any]) -> str:
        """One of the line's names, byte for byte: nothing is stripped, folded, searched or taken out of a list."""
        wanted = given.get("destination")
        for name in self._settings.destinations:
            if type(wanted) is str and wanted == name:
                return name  # ours, not what was given
        raise BadArguments(f"destination must be one of: {', '.join(self._settings.destinations)}")

    # --- answering ------------------------------------------------------------------------------------------------

    def answer(self, call_id: str, result: dict[str, Any], *, follow_up: bool | None = True) -> None:
        """What came of a call; only the first answer counts.

        Args:
            call_id: of a call that was taken.
            result: for the model; becomes JSON.
            follow_up: the model is to go on when it has been told; None: only if it said nothing with the call.
        """
        call = self._calls[call_id]
        if call.output is None:
            call.output = msgspec.json.encode(result).decode()
            call.follow_up = follow_up

    def refuse(self, call_id: str, why: str) -> None:
        """It is not carried out, and the model is told why."""
        self._calls[call_id].refused = True
        self.answer(call_id, {"status": "refused", "reason": why})

    def response_done(self, response_id: str) -> None:
        """The response is over: its calls can be answered, and one that still comes need not wait."""
        self._done[response_id] = None
        if len(self._done) > MAX_REMEMBERED:
            del self._done[next(iter(self._done))]
        if any(call.response_id == response_id and not call.told for call in self._calls.values()):
            self._over.add(response_id)

    def take_outputs(self, new_id: Callable[[], str], spoke: Callable[[str], bool]) -> tuple[list[ToolOutput], bool]:
        """What can be told now, and whether the model is then to be asked to go on.

        Args:
            new_id: makes the ids of the messages.
            spoke: whether something was said in a response.
        """
        outputs: list[ToolOutput] = []
        go_on = False
        for response_id in list(self._over):
            calls = [(id_, call) for id_, call in self._calls.items() if call.response_id == response_id]
            for call_id, call in calls:
                if call.output is not None and not call.told:
                    call.told = True
                    outputs.append(ToolOutput(new_id(), call_id, call.output))
            if all(call.told for _, call in calls):
                self._over.discard(response_id)
                silent = not spoke(response_id)
                go_on = go_on or any(silent if call.follow_up is None else call.follow_up for _, call in calls)
        return outputs, go_on


# --- arguments ----------------------------------------------------------------------------------------------------


def plain(value: Any, longest: int) -> str:
    """Text of the model on one line, without control, bidirectional or invisible characters; "" for anything else."""
    if not isinstance(value, str):
        return ""
    visible = "".join(character if character.isprintable() else " " for character in _HIDING.sub(" ", value))
    return " ".join(visible.split())[:longest]


def _arguments(text: str) -> dict[str, Any]:
    if len(text.encode(errors="replace")) > MAX_ARGUMENT_BYTES:
        raise BadArguments("the arguments are too long")
    try:
        given = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadArguments("the arguments are not JSON") from None
    if not isinstance(given, dict):
        raise BadArguments("the arguments are not an object")
    return given


def _number(given: dict[str, Any], name: str, lowest: float, highest: float, default: float) -> float:
    value = given.get(name)
    if value is None:
        return float(default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise BadArguments(f"{name} must be a number from {lowest:g} to {highest:g}")
    return float(value)


def _count(given: dict[str, Any]) -> int:
    count = _number(given, "count", 1, MAX_COLLECTED, 1)
    if not count.is_integer():
        raise BadArguments("count must be a whole number")
    return int(count)


def _terminator(given: dict[str, Any]) -> str:
    value = given.get("terminator")
    if value is None:  # models write null for what they leave out
        return ""
    if not isinstance(value, str) or (value != "" and value not in _KEYS):
        raise BadArguments("terminator must be one key: 0 to 9, * or #")
    return value


def _sendable(given: dict[str, Any]) -> str:
    value = given.get("digits")
    if not isinstance(value, str) or _DIGITS.fullmatch(value) is None:
        raise BadArguments(f"digits must be 1 to {MAX_DIGITS} of 0 to 9, * and #")
    return value
