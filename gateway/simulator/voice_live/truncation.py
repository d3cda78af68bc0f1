"""Taking back what an interrupted caller did not hear: by the client's word, or by the service's own guess."""

from __future__ import annotations

import math
from functools import partial

from gateway.simulator.voice_live.parts import Parts
from gateway.simulator.voice_live.record import GeneratedItem, Json, Truncation
from gateway.simulator.voice_live.responses import Responses

_AFTER_DONE_S = 0.005


class Truncations:
    """conversation.item.truncate, and auto_truncate."""

    def __init__(self, parts: Parts, responses: Responses) -> None:
        self._parts = parts
        self._responses = responses

    def __repr__(self) -> str:
        return f"<Truncations made={len(self._parts.record.truncations)}>"

    def asked(self, event: Json, now: float) -> None:
        """The client says how much of an item was played."""
        item_id, end_ms = event.get("item_id"), event.get("audio_end_ms")
        problem = self._problem(item_id, event.get("content_index", 0), end_ms)
        accepted = problem is None
        if isinstance(item_id, str) and isinstance(end_ms, int):
            self._parts.record.truncations.append(Truncation(now, item_id, end_ms, "client", accepted))
        if problem is not None:
            code, message, param = problem
            self._parts.outbox.error(code, message, cause=event.get("event_id"), param=param)
        elif isinstance(item_id, str) and isinstance(end_ms, int):
            self._truncate(item_id, end_ms, "client", now)

    def interrupted(self, now: float) -> None:
        """The caller spoke: with auto_truncate the answer is cut where real-time playing from its arrival would be."""
        spoken = self._parts.record.items
        if not spoken or not self._parts.config.turn_flag("auto_truncate"):
            return
        item = spoken[-1]
        known = self._parts.conversation.get(item.item_id)
        if item.first_sent_at is None or known is None or known.truncated_by is not None:
            return
        end_ms = int((now - item.first_sent_at) * 1000)
        if end_ms < item.delivered_ms:
            self._parts.record.truncations.append(Truncation(now, item.item_id, end_ms, "service", accepted=True))
            self._truncate(item.item_id, end_ms, "service", now)

    def _problem(self, item_id: object, content_index: object, end_ms: object) -> tuple[str, str, str | None] | None:
        item = self._parts.conversation.get(item_id)
        spoken = next((spoken for spoken in self._parts.record.items if spoken.item_id == item_id), None)
        if item is None:
            return "item_not_found", "The item to truncate does not exist.", "item_id"
        if spoken is None:
            return "invalid_value", "Only an assistant's spoken message can be truncated.", "item_id"
        if content_index != 0:
            return "invalid_value", "There is no such content part.", "content_index"
        if item.truncated_by == "service":
            return "item_already_truncated", "The item was already truncated.", None
        length_ms = self._length_ms(spoken)
        if not isinstance(end_ms, int) or isinstance(end_ms, bool) or end_ms < 0:
            message = "'audio_end_ms' is a number of milliseconds."
        else:
            message = f"Audio content of {length_ms}ms is already shorter than {end_ms}ms" if end_ms > length_ms else ""
        return ("invalid_value", message, "audio_end_ms") if message else None

    def _length_ms(self, spoken: GeneratedItem) -> int:
        """Length of an item as it stands: delivered so far, less what was cut."""
        item = self._parts.conversation.get(spoken.item_id)
        if item is not None and item.truncated_by is not None:
            return math.ceil(item.audio_s * 1000)
        return math.ceil(spoken.delivered_ms)

    def _truncate(self, item_id: str, end_ms: int, by: str, now: float) -> None:
        item = self._parts.conversation.get(item_id)
        spoken = self._parts.record.item(item_id)
        if item is None:
            return
        item.truncated_by, item.audio_s = by, end_ms / 1000
        item.text = spoken.text_until(end_ms)
        if self._parts.faults.truncated_after_done:
            self._parts.agenda.at(now, partial(self._send_after_done, item_id, end_ms))
        else:
            self._send(item_id, end_ms)

    def _send_after_done(self, item_id: str, end_ms: int, now: float) -> None:
        """Wait while the item's response is active."""
        spoken = self._parts.record.item(item_id)
        if self._responses.active_id == spoken.response_id:
            self._parts.agenda.at(now + _AFTER_DONE_S, partial(self._send_after_done, item_id, end_ms))
        else:
            self._send(item_id, end_ms)

    def _send(self, item_id: str, end_ms: int) -> None:
        self._parts.outbox.send("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=end_ms)
