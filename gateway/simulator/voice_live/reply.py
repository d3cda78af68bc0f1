"""One output item on its way out: its events between response.created and response.done, at their times.

Text runs ahead of audio, audio comes many times faster than it plays, in deltas of irregular length. A cancel lets a
few more deltas through, closes what was opened, and says so.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pybase64

from gateway.audio.convert import encode
from gateway.audio.pcm import AudioFormat, Int16Array
from gateway.simulator.voice_live.options import Delivery
from gateway.simulator.voice_live.outbox import Outbox
from gateway.simulator.voice_live.plan import Arguments, Piece, Planner, Sound, Timed, Words
from gateway.simulator.voice_live.record import GeneratedItem, Json
from gateway.simulator.voice_live.speech import Speech


@dataclass(frozen=True, slots=True)
class Shape:
    """What an item looks like on the wire."""

    response_id: str
    output_index: int
    """of the item in its response"""
    item_id: str
    begun_status: str
    speaks: bool
    """audio with its transcript, or text only"""
    output: AudioFormat
    times_words: bool
    call: Json = field(default_factory=dict)
    """`name` and `call_id` of a function call; empty for a message"""


class Reply:
    """The stream of one item; `poll` sends what is due.

    Args:
        announced: told the item's JSON when it is announced; returns the id of the item before it.
    """

    def __init__(self, shape: Shape, outbox: Outbox, announced: Callable[[], str | None]) -> None:
        self.shape = shape
        self.item: GeneratedItem | None = None
        self.text_sent = ""
        self.announced = False
        self.audio_started = False
        self.finished = False
        """everything was sent, up to the output item's end"""
        self._announced = announced
        self._outbox = outbox
        self._pieces: deque[tuple[float, Piece]] = deque()
        self._payload = b""
        self._begins_at = math.inf
        self._ends_at = math.inf
        self._status = "completed"

    def __repr__(self) -> str:
        return f"<Reply {self.shape.item_id} pieces={len(self._pieces)} finished={self.finished}>"

    @property
    def next_at(self) -> float:
        """When `poll` has something to do."""
        if self.finished:
            return math.inf
        if not self.announced and self._status == "completed":
            return self._begins_at
        return self._pieces[0][0] if self._pieces else self._ends_at

    def speak(self, speech: Speech, rendered: Int16Array, planner: Planner, text_at: float) -> None:
        """Begin with the words at `text_at`; `rendered` is the speech at the output rate."""
        shape = self.shape
        if shape.speaks:
            self.item = GeneratedItem(
                shape.item_id, shape.response_id, speech.text, speech.words, rendered, shape.output.rate_hz
            )
            self._outbox.record.items.append(self.item)
            self._payload = encode(rendered, shape.output.codec)
        pieces = planner.message(speech, len(self._payload), shape.output, text_at, times_words=shape.times_words)
        self._schedule(pieces, text_at)

    def call(self, arguments: str, planner: Planner, text_at: float) -> None:
        """Begin a function call at `text_at`."""
        self._schedule(planner.call(arguments, text_at), text_at)

    def poll(self, now: float) -> None:
        """Send what is due."""
        if not self.finished and not self.announced and self._begins_at <= now:
            self._announce()
        while self.announced and self._pieces and self._pieces[0][0] <= now:
            self._send(self._pieces.popleft()[1])
        if not self.finished and not self._pieces and self._ends_at <= now:
            self._end()

    def stop(self, now: float, status: str, delivery: Delivery) -> None:
        """Cut the answer short; a few deltas that are on their way still come."""
        if self.finished or self._status != "completed":
            return
        self._status = status
        sounds = [piece for _, piece in self._pieces if isinstance(piece, Sound)]
        stale = sounds[: delivery.stale_deltas] if self.audio_started else []
        self._pieces = deque((now + delivery.stale_gap_s * (i + 1), piece) for i, piece in enumerate(stale))
        self._begins_at = math.inf
        self._ends_at = now + delivery.stale_gap_s * (len(stale) + (1 if stale else 0))

    def stall(self) -> None:
        """Say nothing more, ever."""
        self._pieces.clear()
        self._ends_at = math.inf

    @property
    def delivered_s(self) -> float:
        return 0.0 if self.item is None else self.item.delivered_samples / self.item.rate_hz

    def output(self) -> list[Json]:
        """The `output` of the response as it stands."""
        return [self._item_json(self._final_status())] if self.announced else []

    def _schedule(self, pieces: list[tuple[float, Piece]], text_at: float) -> None:
        self._pieces = deque(pieces)
        self._begins_at = text_at
        self._ends_at = pieces[-1][0] if pieces else text_at

    def _announce(self) -> None:
        shape = self.shape
        self.announced = True
        self._outbox.send(
            "response.output_item.added",
            response_id=shape.response_id,
            output_index=shape.output_index,
            item=self._item_json(shape.begun_status, empty=True),
        )
        previous = self._announced()
        item = self._item_json(shape.begun_status, empty=True)
        self._outbox.send("conversation.item.created", previous_item_id=previous, item=item)
        if not shape.call:
            self._content("response.content_part.added", part=self._part(""))

    def _send(self, piece: Piece) -> None:
        match piece:
            case Words(delta):
                self.text_sent += delta
                kind = "response.audio_transcript.delta" if self.shape.speaks else "response.text.delta"
                self._content(kind, delta=delta)
            case Timed(text, offset_ms, duration_ms):
                self._content(
                    "response.audio_timestamp.delta",
                    audio_offset_ms=offset_ms,
                    audio_duration_ms=duration_ms,
                    text=text,
                    timestamp_type="word",
                )
            case Sound(start, end):
                self._send_sound(start, end)
            case Arguments(delta):
                self.text_sent += delta
                shape = self.shape
                self._outbox.send(
                    "response.function_call_arguments.delta",
                    response_id=shape.response_id,
                    item_id=shape.item_id,
                    output_index=shape.output_index,
                    call_id=shape.call["call_id"],
                    delta=delta,
                    obfuscation="",
                )

    def _send_sound(self, start: int, end: int) -> None:
        item = self.item
        if item is None:
            return
        self.audio_started = True
        now = self._outbox.now
        item.first_sent_at = now if item.first_sent_at is None else item.first_sent_at
        item.last_sent_at = now
        item.delivered_samples = end // self.shape.output.bytes_per_sample
        self._content("response.audio.delta", delta=pybase64.b64encode_as_string(self._payload[start:end]))

    def _end(self) -> None:
        """Close what was opened, in the recorded order; an answer never announced just ends."""
        self.finished = True
        if not self.announced:
            return
        shape = self.shape
        if shape.call:
            self._outbox.send(
                "response.function_call_arguments.done",
                response_id=shape.response_id,
                item_id=shape.item_id,
                output_index=shape.output_index,
                call_id=shape.call["call_id"],
                name=shape.call["name"],
                arguments=self.text_sent,
            )
        elif shape.speaks:
            self._content("response.audio.done")
            if shape.times_words:
                self._content("response.audio_timestamp.done")
            self._content("response.audio_transcript.done", transcript=self.text_sent)
            self._content("response.content_part.done", part=self._part(self.text_sent))
        else:
            self._content("response.text.done", text=self.text_sent)
            self._content("response.content_part.done", part=self._part(""))  # empty in the recording, too
        self._outbox.send(
            "response.output_item.done",
            response_id=shape.response_id,
            output_index=shape.output_index,
            item=self._item_json(self._final_status()),
        )

    def _final_status(self) -> str:
        return "completed" if self._status == "completed" else "incomplete"

    def _content(self, kind: str, **fields: Any) -> None:
        shape = self.shape
        place = {
            "response_id": shape.response_id,
            "item_id": shape.item_id,
            "output_index": shape.output_index,
            "content_index": 0,
        }
        self._outbox.send(kind, **place, **fields)

    def _part(self, text: str) -> Json:
        return {"type": "audio", "transcript": text} if self.shape.speaks else {"type": "text", "text": text}

    def _item_json(self, status: str, *, empty: bool = False) -> Json:
        shape = self.shape
        kind = "function_call" if shape.call else "message"
        item: Json = {"id": shape.item_id, "object": "realtime.item", "type": kind, "status": status}
        if shape.call:
            return item | shape.call | {"arguments": "" if empty else self.text_sent}
        return item | {"role": "assistant", "content": [] if empty else [self._part(self.text_sent)]}
