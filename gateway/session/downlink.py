"""Model leg to phone leg: the agent's audio, and the account of what the caller heard of it.

Audio comes in pieces of any length, faster than real time; it leaves as exact 20 ms frames, paced. Until the phone
stream is open everything waits, still encoded, because only the opened stream tells its rate. Items are named as
the service names them; sentences of our own are items too, named after their clip.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.audio.heard import HeardLedger
from gateway.audio.level import pcm_rms
from gateway.audio.payload import decode_payload
from gateway.audio.pcm import AudioFormat, Codec
from gateway.audio.playout import Held, Playout
from gateway.bounds import MAX_DELTA_BYTES, MAX_WAITING_AUDIO_BYTES
from gateway.session.effects import Effect, Fields, Note, PlayFrame
from gateway.session.events import AudioDelta, AudioDone
from gateway.session.phone_line import Clip, PhoneLine
from gateway.session.settings import CallSettings, Phrase
from gateway.session.transcript import ItemText

CLIP_PREFIX = "clip:"
"""Items of our own; the service's ids never hold a colon."""
LOOK_S = 0.1
"""How often the lead is noted and finished items are looked for: nothing waits for their account to be closed."""
MAX_REWIND_S = 0.6
"""A word that was broken off is repeated from its beginning, if that is not further back than this."""
MS = 1000
MAX_REMEMBERED = 256
"""Cancelled responses and finished items worth remembering; a call has a few dozen."""


@dataclass(slots=True)
class AgentItem:
    """One item of the agent that is, or will be, played."""

    response_id: str
    text: ItemText = field(default_factory=ItemText)
    has_audio: bool = False
    done: bool = False
    odd_byte: bytes = b""


@dataclass(frozen=True, slots=True)
class Cut:
    """What an interruption left of one item."""

    item_id: str
    truncate_at_ms: int
    received_ms: int
    heard: str
    unheard: str


@dataclass(frozen=True, slots=True)
class CutOff:
    """What an interruption took away."""

    stop_needed: bool
    """the network may still hold audio of ours"""
    cuts: tuple[Cut, ...]
    anything_cut: bool


class Downlink:
    """Everything between a delta of the model and a frame to the phone."""

    def __init__(self, settings: CallSettings) -> None:
        self._settings = settings
        self._carries_odd_bytes = settings.model_output.codec is Codec.PCM16
        self._waiting: list[AudioDelta | AudioDone | Clip] = []
        self._clips = 0
        self._waiting_bytes = 0
        self._line: PhoneLine | None = None
        self._items: dict[str, AgentItem] = {}
        self._closed_items: dict[str, None] = {}
        self._cancelled: dict[str, None] = {}
        self._sent_items: dict[str, None] = {}
        self.sent_rms = 0.0
        """level of the loudest frame sent; whoever listens for echoes sets it back"""
        self._next_look = 0.0
        self.late_deltas = 0
        self.waiting_dropped = 0

    def __repr__(self) -> str:
        queued_ms = round(self._line.playout.queued_s * 1000) if self._line is not None else 0
        return f"<Downlink items={len(self._items)} queued={queued_ms}ms>"

    # --- opening --------------------------------------------------------------------------------------------------

    @property
    def rate_hz(self) -> int | None:
        """Rate of the opened line; None before."""
        return None if self._line is None else self._line.rate_hz

    @property
    def playout(self) -> Playout | None:
        return None if self._line is None else self._line.playout

    def open(self, fmt: AudioFormat, now: float) -> None:
        """The phone stream is open at `fmt`; what waited for it is converted now.

        Open again, after the stream was lost: what the old one still held was not heard.
        """
        if self._line is not None and self._line.rate_hz == fmt.rate_hz:
            self._line.playout.open(now, self._settings.lead_in_s)
            return
        self._line = PhoneLine(self._settings, fmt, now)
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for piece in waiting:
            match piece:
                case AudioDelta():
                    self._append(self._line, piece)
                case AudioDone(item_id=item_id):
                    self._line.finish(item_id)
                case Clip():
                    self._line.say(piece)

    # --- model audio ----------------------------------------------------------------------------------------------

    def accepts(self, response_id: str, item_id: str) -> bool:
        """Whether audio and words of this item are still wanted."""
        return response_id not in self._cancelled and item_id not in self._closed_items

    def expects(self, response_id: str | None) -> bool:
        """More of this response would still be played."""
        return response_id is not None and response_id not in self._cancelled

    def knows(self, item_id: str) -> bool:
        """Audio of this item has come before."""
        item = self._items.get(item_id)
        return item is not None and item.has_audio

    def item(self, response_id: str, item_id: str) -> AgentItem:
        return self._items.setdefault(item_id, AgentItem(response_id))

    def add_word(self, item_id: str, offset_ms: int, duration_ms: int, word: str) -> None:
        item = self._items.get(item_id)
        if item is not None:
            item.text.add_timing(offset_ms, duration_ms, word)

    def on_delta(self, delta: AudioDelta) -> bool:
        """Take a piece of the agent's voice.

        Returns:
            Whether it was taken: the late audio of a cancelled response is not.

        Raises:
            BadMessage: the piece is not audio; nothing of it was taken.
        """
        if not self.accepts(delta.response_id, delta.item_id):
            self.late_deltas += 1
            return False
        if self._line is None:
            decode_payload(delta.payload, _ANY_BYTES, MAX_DELTA_BYTES)  # what waits is known to be audio
        self.item(delta.response_id, delta.item_id).has_audio = True
        if self._line is not None:
            self._append(self._line, delta)
            return True
        if self._waiting_bytes + len(delta.payload) > MAX_WAITING_AUDIO_BYTES:
            self.waiting_dropped += 1
            return False
        self._waiting_bytes += len(delta.payload)
        self._waiting.append(delta)
        return True

    def on_done(self, done: AudioDone) -> None:
        """An item is complete."""
        if not self.accepts(done.response_id, done.item_id):
            return
        self.item(done.response_id, done.item_id).done = True
        if self._line is None:
            self._waiting.append(done)
        else:
            self._line.finish(done.item_id)

    def finish_response(self, response_id: str) -> None:
        """The response has ended, however it did: its items get no more audio."""
        for item_id, item in list(self._items.items()):
            if item.response_id == response_id and not item.done:
                self.on_done(AudioDone(response_id, item_id))

    def finish_all(self) -> None:
        """The model is gone: what it said so far is played, and nothing more is waited for."""
        for item_id, item in list(self._items.items()):
            if not item.done:
                self.on_done(AudioDone(item.response_id, item_id))

    def _append(self, line: PhoneLine, delta: AudioDelta) -> None:
        data = decode_payload(delta.payload, _ANY_BYTES, MAX_DELTA_BYTES)
        item = self._items[delta.item_id]
        if self._carries_odd_bytes:
            data = item.odd_byte + data  # a delta may end inside a sample; the rest comes with the next
            whole = len(data) & ~1
            item.odd_byte, data = data[whole:], data[:whole]
        line.append(delta.item_id, data)

    # --- our own sentences ----------------------------------------------------------------------------------------

    def say(self, phrase: Phrase, language: str) -> str:
        """Queue a clip; it is heard, counted and can be interrupted like any item. Returns the item's id."""
        self._clips += 1
        clip = Clip(f"{CLIP_PREFIX}{phrase}:{self._clips}", phrase, language)
        if self._line is None:
            self._waiting.append(clip)
        else:
            self._line.say(clip)
        return clip.item_id

    # --- what was heard -------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Something is, or will be, sent; what waits for the stream to open counts."""
        return bool(self._waiting) or (self._line is not None and self._line.playout.queued_s > 0)

    def idle(self, now: float) -> bool:
        """Everything there was has been played."""
        return not self._waiting and (self._line is None or self._line.playout.idle(now))

    def last_word_at(self) -> float:
        """When the last audio sent so far reaches the caller's ear."""
        return self._line.playout.ledger.last_word_at() if self._line is not None else 0.0

    def unheard(self, item_id: str, now: float) -> bool:
        """Some of the item, which has been queued, has not been played yet."""
        if self._line is None:
            return True
        return not self._line.playout.ledger.fully_played(item_id, now)

    @property
    def queued_s(self) -> float:
        """What waits to be sent on the open line."""
        return 0.0 if self._line is None else self._line.playout.queued_s

    def cancel(self, response_id: str | None) -> None:
        """Refuse what still comes of a response."""
        if response_id is not None:
            _remember(self._cancelled, response_id)

    def hold(self, now: float) -> Held:
        """The caller made a sound: nothing is played until it is known what it was, and nothing is lost."""
        if self._line is None:
            return Held(anything=False, needs_stop=False)
        return self._line.playout.hold(now)

    def resume(self, now: float) -> None:
        """It was nothing: go on, from the beginning of the word that was broken off."""
        if self._line is not None:
            self._line.playout.resume(now, self._word_s(self._line.playout, now))

    def _word_s(self, playout: Playout, now: float) -> float:
        """How much of a word had been played when all was held."""
        item_id = playout.held_in
        item = None if item_id is None else self._items.get(item_id)
        if item_id is None or item is None:
            return 0.0
        played_ms = playout.ledger.played_ms(item_id, now)
        begun_ms = item.text.word_begun_at(played_ms, playout.ledger.received_ms(item_id))
        return max(0.0, min((played_ms - begun_ms) / MS, MAX_REWIND_S))

    @property
    def held(self) -> bool:
        return self._line is not None and self._line.playout.held

    def interrupt(self, now: float) -> CutOff:
        """The caller spoke: nothing that waits is played any more.

        Items of the model that were cut are closed: audio of them that still arrives is refused.
        """
        if self._line is None:
            return CutOff(stop_needed=False, cuts=(), anything_cut=False)
        stopped = self._line.playout.stop(now)
        self._line.forget_tail()
        ledger = self._line.playout.ledger
        cuts = tuple(self._cut(ledger, item_id, now) for item_id in stopped.items if item_id in self._items)
        return CutOff(stopped.needs_stop, cuts, bool(stopped.items))

    def _cut(self, ledger: HeardLedger, item_id: str, now: float) -> Cut:
        item = self._items.pop(item_id)
        _remember(self._closed_items, item_id)
        self.cancel(item.response_id)
        received_ms = ledger.received_ms(item_id)
        truncate_at_ms = ledger.truncate_at_ms(item_id, now)
        heard, unheard = item.text.split(truncate_at_ms, received_ms)
        ledger.forget(item_id)
        return Cut(item_id, truncate_at_ms, round(received_ms), heard, unheard)

    # --- the clock ------------------------------------------------------------------------------------------------

    def on_tick(self, now: float, out: list[Effect]) -> list[tuple[str, float]]:
        """Append the frames that are due, and what became known about items.

        Returns:
            Items whose first frame is among them, each with the time at which it will be heard.
        """
        if self._line is None:
            return []
        playout, ledger = self._line.playout, self._line.playout.ledger
        begun: list[tuple[str, float]] = []
        for frame in playout.frames_due(now):
            pcm, item = frame.pcm, frame.item
            self.sent_rms = max(self.sent_rms, pcm_rms(pcm))
            out.append(PlayFrame(pcm))
            if item not in self._sent_items and item is not None:
                _remember(self._sent_items, item)
                heard_at = ledger.first_heard_at(item)
                out.append(Note("item.first_sent", {"item_id": item}))
                out.append(Note("item.first_heard", {"item_id": item, "at": heard_at}))
                begun.append((item, now if heard_at is None else heard_at))
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            self._look(playout, now, out)
        return begun

    def _look(self, playout: Playout, now: float, out: list[Effect]) -> None:
        """What need not be known to the frame."""
        lead_s, queued_s = playout.lead_s(now), playout.queued_s
        if queued_s > 0 or lead_s > 0:
            out.append(Note("playout.lead", {"lead_ms": round(lead_s * 1000), "queued_ms": round(queued_s * 1000)}))
        if self._items:
            self._close_played_items(playout.ledger, now, out)

    def _close_played_items(self, ledger: HeardLedger, now: float, out: list[Effect]) -> None:
        for item_id, item in list(self._items.items()):
            if not item.done or not ledger.fully_played(item_id, now):
                continue
            del self._items[item_id]
            if not item.has_audio:
                continue
            _remember(self._closed_items, item_id)
            received_ms = ledger.received_ms(item_id)
            heard, _ = item.text.split(received_ms, received_ms)
            fields: Fields = {
                "item_id": item_id,
                "played_ms": round(ledger.played_ms(item_id, now)),
                "received_ms": round(received_ms),
                "text_heard": heard,
            }
            out.append(Note("item.played", fields))
            ledger.forget(item_id)


_ANY_BYTES = 1
"""The check of whole samples is ours here, because samples may span two deltas."""


def _remember(names: dict[str, None], name: str) -> None:
    """Keep the newest names only; a dict is an ordered set here."""
    names[name] = None
    if len(names) > MAX_REMEMBERED:
        del names[next(iter(names))]
