"""The gateway's notes and the model service's log, asked by what they mean; times in seconds since the ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.simulator.voice_live.record import SessionRecord

Note = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """The caller's speech as turn detection told it."""

    item_id: str
    started_s: float
    stopped_s: float | None
    transcript: str | None


class Notes:
    """See the module. Where there is no trace, the session's own log answers."""

    def __init__(self, trace: list[Note], session: SessionRecord | None, started_at: float) -> None:
        self._trace = trace
        self._session = session
        self._started_at = started_at
        self.turns = tuple(self._traced_turns() if trace else self._logged_turns())

    def at(self, note: Note) -> float:
        return self.since_ring(note["t"])

    def since_ring(self, at: float) -> float:
        return at - self._started_at

    def named(self, name: str) -> list[Note]:
        return [note for note in self._trace if note["name"] == name]

    def first_at(self, name: str, **fields: str) -> float | None:
        """When a note of this name, with these fields, was first made."""
        note = self.first(name, **fields)
        return None if note is None else self.at(note)

    def first(self, name: str, **fields: str) -> Note | None:
        wanted = fields.items()
        return next((note for note in self.named(name) if all(note.get(key) == value for key, value in wanted)), None)

    def estimate(self, name: str, **fields: str) -> float | None:
        """The `at` of a note: a moment that was not the note's own."""
        note = self.first(name, **fields)
        return None if note is None or note.get("at") is None else self.since_ring(note["at"])

    @property
    def profile(self) -> str:
        offered = self.first("call.offered")
        if offered is not None:
            return str(offered.get("profile", ""))
        return self._session.profile if self._session is not None else ""

    @property
    def call_id(self) -> str | None:
        offered = self.first("call.offered")
        return None if offered is None else str(offered.get("call_id"))

    @property
    def caller_onsets(self) -> list[float]:
        """By the gateway's own ears."""
        return [self.since_ring(note["at"]) for note in self.named("caller.onset")]

    @property
    def caller_ends(self) -> list[float]:
        return [self.since_ring(note["at"]) for note in self.named("caller.end")]

    @property
    def stats(self) -> dict[str, Any]:
        last = self.named("call.stats")
        ended = self.named("call.ended")
        facts = {**(ended[-1] if ended else {}), **(last[-1] if last else {})}
        return {name: value for name, value in facts.items() if name not in ("t", "name")}

    def _traced_turns(self) -> list[HeardTurn]:
        return [
            HeardTurn(
                note["item_id"],
                self.at(note),
                self.first_at("turn.speech_stopped", item_id=note["item_id"]),
                (self.first("turn.transcript", item_id=note["item_id"]) or {}).get("text"),
            )
            for note in self.named("turn.speech_started")
        ]

    def _logged_turns(self) -> list[HeardTurn]:
        if self._session is None:
            return []
        return [
            HeardTurn(
                turn.item_id,
                self.since_ring(turn.started_at),
                None if turn.stopped_at is None else self.since_ring(turn.stopped_at),
                turn.transcript,
            )
            for turn in self._session.turns
        ]
