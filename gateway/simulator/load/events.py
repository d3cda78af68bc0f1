"""What the lean model service says, as ready bytes: the shapes of the full twin, and the audio encoded once.

A delta, the one event that comes often, is put together from pieces; everything else is rare enough for a JSON encoder.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import orjson
import pybase64

from gateway.simulator.voice_live.usage import Tokens

Json: TypeAlias = dict[str, Any]

DELTA_S = 0.1
TONE_HZ = 200
TONE_PEAK = 8000

_numbers = itertools.count(1)


def event(kind: str, **fields: Any) -> bytes:
    """An event with an id of its own."""
    return orjson.dumps({"type": kind, "event_id": f"event_load{next(_numbers)}", **fields})


@cache
def tone(rate_hz: int) -> bytes:
    """The audio of a delta as base64: whole periods of a tone, so that deltas join without a click."""
    time_s = np.arange(round(DELTA_S * rate_hz)) / rate_hz
    samples: bytes = np.rint(TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * time_s)).astype("<i2").tobytes()
    return pybase64.b64encode(samples)


class Answer:
    """One response with one spoken item; its methods give the events in the order of the service."""

    def __init__(self, name: str, rate_hz: int, *, times_words: bool) -> None:
        self._response_id = f"resp_{name}"
        self._item_id = f"msg_{name}"
        self._times_words = times_words
        self._audio = tone(rate_hz)
        place = f'"response_id":"{self._response_id}","item_id":"{self._item_id}","output_index":0,"content_index":0'
        self._after_id = f'",{place},"delta":"'.encode()
        self.deltas = 0

    def begin(self) -> Iterator[bytes]:
        yield event("response.created", response=self._response("in_progress"))
        item = self._item("incomplete")
        yield event("response.output_item.added", response_id=self._response_id, output_index=0, item=item)
        yield event("conversation.item.created", previous_item_id=None, item=item)
        yield event("response.content_part.added", **self._place(), part={"type": "audio", "transcript": ""})

    def delta(self) -> bytes:
        self.deltas += 1
        return b"".join(
            (
                b'{"type":"response.audio.delta","event_id":"event_load%d' % next(_numbers),
                self._after_id,
                self._audio,
                b'"}',
            )
        )

    def word(self) -> Iterator[bytes]:
        """A word of the transcript, and its place in the audio where the session asked for that."""
        yield event("response.audio_transcript.delta", **self._place(), delta=" word")
        if self._times_words:
            place = {"audio_offset_ms": round(self.deltas * DELTA_S * 1000), "audio_duration_ms": 300}
            yield event("response.audio_timestamp.delta", **self._place(), **place, text="word", timestamp_type="word")

    def end(self) -> Iterator[bytes]:
        yield event("response.audio.done", **self._place())
        yield event("response.audio_transcript.done", **self._place(), transcript="word")
        yield event("response.content_part.done", **self._place(), part={"type": "audio", "transcript": "word"})
        item = self._item("completed")
        yield event("response.output_item.done", response_id=self._response_id, output_index=0, item=item)
        yield self._done("completed", None)

    def cancel(self) -> bytes:
        """The caller spoke: the service cancels by itself."""
        return self._done("cancelled", {"type": "cancelled", "reason": "turn_detected"})

    def _done(self, status: str, details: Json | None) -> bytes:
        tokens = Tokens(input_text=400, input_audio=30, output_text=40, output_audio=round(self.deltas * DELTA_S * 20))
        return event("response.done", response=self._response(status, details, tokens.to_json()))

    def _place(self) -> Json:
        return {
            "response_id": self._response_id,
            "item_id": self._item_id,
            "output_index": 0,
            "content_index": 0,
        }

    def _item(self, status: str) -> Json:
        item = {"id": self._item_id, "object": "realtime.item", "type": "message", "role": "assistant"}
        return {**item, "status": status, "content": []}

    def _response(self, status: str, details: Json | None = None, usage: Json | None = None) -> Json:
        return {
            "object": "realtime.response",
            "id": self._response_id,
            "status": status,
            "status_details": details,
            "output": [],
            "usage": usage,
            "conversation_id": "",
            "modalities": ["audio", "text"],
            "metadata": None,
        }


def caller_began(item_id: str, audio_ms: int) -> bytes:
    return event("input_audio_buffer.speech_started", audio_start_ms=audio_ms, item_id=item_id)


def caller_ended(item_id: str, audio_ms: int) -> Iterator[bytes]:
    """The caller's turn is over and understood."""
    yield event("input_audio_buffer.speech_stopped", audio_end_ms=audio_ms, item_id=item_id)
    yield event("input_audio_buffer.committed", previous_item_id=None, item_id=item_id)
    transcription = "conversation.item.input_audio_transcription.completed"
    yield event(transcription, item_id=item_id, content_index=0, transcript="[load]", language="en-US")
    item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "user", "status": "completed"}
    yield event("conversation.item.created", previous_item_id=None, item={**item, "content": []})
