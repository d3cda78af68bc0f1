"""What happened in a session, for tests, pictures and reports: the truth the client does not see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gateway.audio.pcm import Int16Array
from gateway.simulator.voice_live.script import TimedWord

Json: TypeAlias = dict[str, Any]

_LOGGED = (
    "event_id",
    "item_id",
    "response_id",
    "call_id",
    "name",
    "audio_start_ms",
    "audio_end_ms",
    "audio_offset_ms",
    "text",
    "transcript",
)


@dataclass(frozen=True, slots=True)
class LogEntry:
    at: float
    """seconds of the twin's clock"""
    direction: str
    """"sent" or "received", as the twin sees it"""
    type: str
    fields: Json
    """small fields only; of an audio delta `bytes`"""


@dataclass(slots=True, eq=False)
class GeneratedItem:
    """One spoken answer."""

    item_id: str
    response_id: str
    text: str
    words: tuple[TimedWord, ...]
    rendered: Int16Array
    """the whole answer at `rate_hz`, before G.711 if that was agreed"""
    rate_hz: int
    delivered_samples: int = 0
    first_sent_at: float | None = None
    last_sent_at: float | None = None

    @property
    def samples(self) -> Int16Array:
        """What was delivered: all, or up to the cancel."""
        return self.rendered[: self.delivered_samples]

    @property
    def delivered_ms(self) -> float:
        return self.delivered_samples * 1000 / self.rate_hz

    def text_until(self, end_ms: float) -> str:
        """The words that begin before `end_ms` and are over by then for the better part."""
        return " ".join(word.text for word in self.words if (word.start_s + word.end_s) / 2 * 1000 <= end_ms)


@dataclass(frozen=True, slots=True)
class Truncation:
    at: float
    item_id: str
    audio_end_ms: int
    by: str
    """"client" or "service" (auto_truncate)"""
    accepted: bool


@dataclass(slots=True, eq=False)
class Turn:
    """One stretch of the caller's speech, as turn detection heard it."""

    item_id: str
    started_at: float
    """when speech_started was sent"""
    audio_start_ms: int
    stopped_at: float | None = None
    audio_end_ms: int | None = None
    transcript: str | None = None
    interrupted: str | None = None
    """id of the response that was active when it began"""


@dataclass(slots=True, eq=False)
class ResponseRecord:
    response_id: str
    number: int
    """counted from 1, in the order of requests"""
    created_at: float
    done_at: float | None = None
    status: str = "in_progress"
    reason: str | None = None
    error_code: str | None = None
    usage: Json | None = None
    """the true one, also where the client was told nothing"""


@dataclass(frozen=True, slots=True)
class ToolCallMade:
    """A function call that reached the client whole."""

    at: float
    response_id: str
    call_id: str
    name: str
    arguments: str
    """JSON"""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """A function_call_output of the client that was taken."""

    at: float
    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """A message the client put into the conversation."""

    at: float
    item_id: str
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """A session.update after the first one that was taken."""

    at: float
    patch: Json
    """as sent"""
    accepted: bool


@dataclass(frozen=True, slots=True)
class Deletion:
    at: float
    item_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """A response.cancel of the client."""

    at: float
    response_id: str | None
    """of the response it ended; None: there was none to cancel, or not the one it named"""


@dataclass(slots=True, eq=False)
class SessionRecord:
    """One connection from upgrade to close."""

    id: str
    query: dict[str, str]
    """of the URL, credentials left out"""
    model: str
    profile: str
    opened_at: float
    closed_at: float | None = None
    close_code: int | None = None
    """1006 where the connection just broke"""
    session: Json = field(default_factory=dict)
    """as confirmed last"""
    log: list[LogEntry] = field(default_factory=list)
    items: list[GeneratedItem] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    truncations: list[Truncation] = field(default_factory=list)
    responses: list[ResponseRecord] = field(default_factory=list)
    tool_calls: list[ToolCallMade] = field(default_factory=list)
    tool_outputs: list[ToolOutput] = field(default_factory=list)
    messages: list[ClientMessage] = field(default_factory=list)
    changes: list[SettingsChange] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    appends: int = 0
    appended_s: float = 0.0
    appended: list[Int16Array] = field(default_factory=list)
    """only with `keeps_appended_audio`"""
    input_rate_hz: int = 24000

    def __repr__(self) -> str:
        state = "open" if self.closed_at is None else f"closed {self.close_code}"
        return f"<SessionRecord {self.model} {state} turns={len(self.turns)} responses={len(self.responses)}>"

    def types(self, direction: str) -> list[str]:
        """The event types that went one way, in order."""
        return [entry.type for entry in self.log if entry.direction == direction]

    def item(self, item_id: str) -> GeneratedItem:
        """One spoken answer by its id.

        Raises:
            KeyError: nothing was spoken under this id.
        """
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise KeyError(item_id)

    @property
    def appended_samples(self) -> Int16Array:
        return np.concatenate([np.empty(0, np.int16), *self.appended])

    def note(self, at: float, direction: str, event: Json) -> None:
        """Log an event; audio appended by the client is counted elsewhere, not logged."""
        self.log.append(LogEntry(at, direction, str(event.get("type")), _small_fields(event)))


def _small_fields(event: Json) -> Json:
    fields = {name: event[name] for name in _LOGGED if name in event}
    delta = event.get("delta")
    if event.get("type") == "response.audio.delta" and isinstance(delta, str):
        fields["bytes"] = len(delta) * 3 // 4 - delta[-2:].count("=")
    elif delta is not None:
        fields["delta"] = delta
    response, error = event.get("response"), event.get("error")
    if isinstance(response, dict):
        fields |= {name: response[name] for name in ("id", "status", "status_details") if name in response}
    if isinstance(error, dict):
        fields |= {"code": error.get("code"), "param": error.get("param"), "caused_by": error.get("event_id")}
    return fields
