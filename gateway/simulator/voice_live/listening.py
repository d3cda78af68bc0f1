"""The caller's side of a session: audio in, turns out, in the order of events that its pipeline has."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from functools import partial

import pybase64

from gateway.audio.convert import decode
from gateway.audio.pcm import Int16Array
from gateway.errors import BadMessage
from gateway.simulator.voice_live.conversation import INPUT_AUDIO_TOKENS_PER_S, Item
from gateway.simulator.voice_live.parts import Parts
from gateway.simulator.voice_live.record import Json, Turn
from gateway.simulator.voice_live.request import ResponseRequest
from gateway.simulator.voice_live.responses import Responses
from gateway.simulator.voice_live.truncation import Truncations
from gateway.simulator.voice_live.turn_detection import SpeechBegan, SpeechEnded, TurnDetector

MAX_APPEND_BYTES = 15 * 1024 * 1024
"""Published limit of one append."""
_MIN_COMMIT_S = 0.1
_ASSUMED_PLAYOUT_LAG_S = 0.5
"""How much longer than its length an answer may be heard at the other end, where echo is looked for."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Audio that makes a turn."""

    item_id: str
    turn: Turn | None
    length_s: float
    voiced_s: float
    asks: bool
    """whether a response may follow"""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A committed turn on its way to its transcript."""

    item: Item
    previous_id: str | None
    text: str
    language: str | None
    """where the script names it"""
    asks: bool
    """whether a response is to follow"""


class Listening:
    """Counts and hears what is appended."""

    def __init__(self, parts: Parts, responses: Responses, truncations: Truncations) -> None:
        self._parts = parts
        self._responses = responses
        self._truncations = truncations
        self._detector: TurnDetector | None = None
        self._turn: Turn | None = None
        self._samples = 0
        self._buffered = 0
        """samples since the last commit or clear"""
        self._transcripts = 0

    def __repr__(self) -> str:
        return f"<Listening {self._parts.record.appended_s:.1f}s {self._detector!r}>"

    @property
    def has_audio(self) -> bool:
        return self._samples > 0

    def configure(self) -> None:
        """The settings have changed; a turn under way goes on with the new ones."""
        settings = self._parts.config.turn_settings
        rate_hz = self._parts.config.input_format.rate_hz
        self._parts.record.input_rate_hz = rate_hz
        if settings is None:
            self._detector = None
        elif self._detector is None:
            self._detector = TurnDetector(settings, rate_hz, self._samples)
        elif self._samples == 0:
            self._detector = TurnDetector(settings, rate_hz)
        else:
            self._detector.settings = settings

    def append(self, event: Json, now: float) -> None:
        """Take audio; no answer unless it is unusable or a turn begins or ends with it."""
        samples = self._decode(event)
        if samples is None:
            return
        record, config = self._parts.record, self._parts.config
        record.appends += 1
        self._samples += len(samples)
        self._buffered += len(samples)
        record.appended_s = self._samples / config.input_format.rate_hz
        if self._parts.options.keeps_appended_audio:
            record.appended.append(samples)
        if self._detector is None:
            return
        for heard in self._detector.push(samples, self._guard_db(now)):
            match heard:
                case SpeechBegan(start_ms):
                    self._speech_began(start_ms, now)
                case SpeechEnded(end_ms, voiced_ms):
                    self._speech_ended(end_ms, voiced_ms, now)

    def commit(self, event: Json, now: float) -> None:
        """A turn made by the client; no response follows by itself."""
        rate_hz = self._parts.config.input_format.rate_hz
        length_s = self._buffered / rate_hz
        if length_s < _MIN_COMMIT_S:
            message = f"Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {length_s * 1000:.2f}ms of audio."  # noqa: E501 - one sentence on the wire
            self._parts.outbox.error("input_audio_buffer_commit_empty", message, cause=event.get("event_id"))
            return
        voiced_ms = self._detector.end_now() if self._detector is not None else None
        turn, self._turn = self._turn, None
        item_id = turn.item_id if turn is not None else self._parts.outbox.new_id("item")
        voiced_s = length_s if voiced_ms is None else voiced_ms / 1000
        self._commit(_Stretch(item_id, turn, length_s, voiced_s, asks=False), now)

    def clear(self) -> None:
        self._buffered = 0
        if self._detector is not None:
            self._detector.end_now()
        self._turn = None
        self._parts.outbox.send("input_audio_buffer.cleared")

    def _decode(self, event: Json) -> Int16Array | None:
        outbox, cause = self._parts.outbox, event.get("event_id")
        text = event.get("audio")
        try:
            payload = pybase64.b64decode(text, validate=True) if isinstance(text, str) else None
        except (binascii.Error, ValueError):
            payload = None
        if payload is None:
            message = "Invalid 'audio'. Expected base64-encoded audio bytes."
            outbox.error("invalid_value", message, cause=cause, param="audio")
            return None
        if len(payload) > MAX_APPEND_BYTES:
            outbox.error("invalid_value", "Audio chunks are limited to 15 MiB.", cause=cause, param="audio")
            return None
        try:
            return decode(payload, self._parts.config.input_format.codec)
        except BadMessage:
            outbox.error("invalid_value", "pcm16 audio must have whole samples.", cause=cause, param="audio")
            return None

    def _guard_db(self, now: float) -> float:
        """Server echo cancellation: what the caller's line gives back of an answer being heard is not the caller."""
        items = self._parts.record.items
        if not items or not self._parts.config.has_echo_cancellation:
            return 0.0
        item = items[-1]
        if item.first_sent_at is None:
            return 0.0
        heard_until = item.first_sent_at + item.delivered_ms / 1000 + _ASSUMED_PLAYOUT_LAG_S
        return self._parts.options.echo_guard_db if now < heard_until else 0.0

    def _speech_began(self, start_ms: int, now: float) -> None:
        parts = self._parts
        item_id = parts.outbox.new_id("item")
        self._turn = Turn(item_id, now, start_ms, interrupted=self._responses.active_id)
        parts.record.turns.append(self._turn)
        parts.outbox.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
        if not parts.config.turn_flag("interrupt_response"):
            return
        self._responses.forget_waiting()
        self._truncations.interrupted(now)
        self._responses.cancel("turn_detected", now)

    def _speech_ended(self, end_ms: int, voiced_ms: int, now: float) -> None:
        turn, self._turn = self._turn, None
        if turn is None:
            return
        turn.stopped_at, turn.audio_end_ms = now, end_ms
        self._parts.outbox.send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=turn.item_id)
        length_s = (end_ms - turn.audio_start_ms) / 1000
        asks = self._parts.config.turn_flag("create_response")
        self._commit(_Stretch(turn.item_id, turn, length_s, voiced_ms / 1000, asks), now)

    def _commit(self, said: _Stretch, now: float) -> None:
        parts = self._parts
        self._buffered = 0
        text = parts.brain.hear(said.voiced_s)
        if said.turn is not None:
            said.turn.transcript = text
        rate = INPUT_AUDIO_TOKENS_PER_S
        item = Item(said.item_id, "message", "user", audio_s=said.length_s, audio_tokens_per_s=rate)
        previous_id = parts.conversation.add(item)
        self._responses.heard(said.length_s)
        parts.outbox.send("input_audio_buffer.committed", previous_item_id=previous_id, item_id=said.item_id)
        asks = said.asks and (bool(text) or parts.options.answers_wordless_turns)
        heard = _Heard(item, previous_id, text, parts.brain.language, asks)
        timing = parts.options.timing
        if parts.config.traits.realtime:
            self._item_created(heard)
            self._parts.outbox.send("conversation.item.done", previous_item_id=previous_id, item=item.to_json())
            self._ask(heard, now)
            parts.agenda.at(now + timing.transcript_s, partial(self._transcribed_realtime, heard))
        else:
            parts.agenda.at(now + timing.stt_s, partial(self._transcribed, heard))

    def _transcribed(self, heard: _Heard, now: float) -> None:
        """Cascade: the transcript first, then the item, then the response, in one instant."""
        heard.item.text = heard.text
        self._send_transcript(heard, now)
        self._item_created(heard)
        if self._parts.faults.unknown_events:
            item = heard.item.to_json()
            self._parts.outbox.send("conversation.item.done", previous_item_id=heard.previous_id, item=item)
        self._ask(heard, now)

    def _transcribed_realtime(self, heard: _Heard, now: float) -> None:
        """Realtime: the model has heard the audio; the transcript is an extra and comes in the midst of the answer."""
        heard.item.text = heard.text
        self._send_transcript(heard, now)

    def _item_created(self, heard: _Heard) -> None:
        item = heard.item.to_json()
        self._parts.outbox.send("conversation.item.created", previous_item_id=heard.previous_id, item=item)

    def _ask(self, heard: _Heard, now: float) -> None:
        # A caller who speaks on and may interrupt is answered after the next turn.
        if heard.asks and (self._turn is None or not self._parts.config.turn_flag("interrupt_response")):
            self._responses.request(ResponseRequest(from_turn=True), now)

    def _send_transcript(self, heard: _Heard, now: float) -> None:
        parts, place = self._parts, {"item_id": heard.item.id, "content_index": 0}
        kind = "conversation.item.input_audio_transcription"
        if not parts.config.transcribes:
            return
        self._transcripts += 1
        every = parts.faults.transcription_fails_every
        if every and self._transcripts % every == 0:
            error = {"type": "transcription_error", "code": None, "message": "Transcription failed.", "param": None}
            parts.outbox.send(f"{kind}.failed", **place, error=error)
            return
        if parts.config.traits.realtime:
            if heard.text:
                parts.outbox.send(f"{kind}.delta", **place, delta=heard.text)
            parts.outbox.send(f"{kind}.completed", **place, transcript=heard.text)
        else:
            language = heard.language or parts.config.language
            parts.outbox.send(f"{kind}.completed", **place, transcript=heard.text, language=language)
        if parts.faults.repeats_empty_transcript:
            again = partial(self._send_empty, heard.item.id)
            parts.agenda.at(now + parts.options.timing.llm_first_text_s, again)

    def _send_empty(self, item_id: str, _now: float) -> None:
        kind = "conversation.item.input_audio_transcription.completed"
        self._parts.outbox.send(kind, item_id=item_id, content_index=0, transcript="")
