"""The agent's answers: what was generated, what of it reached the ear, and what the model believes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.audio.pcm import Int16Array
from gateway.demo.at_ear import find_pieces
from gateway.demo.facts import TRACK_HZ, AgentItem, CallMeta, Ghost, Piece, SpokenWord
from gateway.demo.notes import Notes
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.phone.voices import change_rate
from gateway.simulator.voice_live.record import GeneratedItem, SessionRecord

CLIP_PREFIX = "clip:"
_WORST_GHOST_MS = 20.0
"""A hole shorter than a frame is no news."""
_LATE_S = 3.0
"""Lead-in, stalls and the far-end delay together delay an answer by less; a caller would not wait longer either."""
_CUT_SLACK_S = 0.01
"""How exactly the ear's record shows where a sound ends: two steps of the comparison."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Something the agent said, before anybody asks whether it was heard."""

    item_id: str
    kind: str
    text: str
    timed: tuple[tuple[str, float, float], ...]
    """words with start and end in ms within the sound; empty: not known"""
    sound: Int16Array | None
    """what was delivered, at TRACK_HZ; None: only its length is known"""
    length_ms: float
    first_audio_s: float | None
    last_audio_s: float | None
    """when all of it had been delivered"""
    truncated_at_ms: float | None


class Heard:
    """The ear's side of a call, on the axis of the record."""

    def __init__(self, call: CallRecord, started_at: float) -> None:
        self.track = call.ear_track
        self.track_at_s = call.origin - started_at
        self.voice = [(each.start_at - started_at, each.end_at - started_at) for each in call.heard]
        self.stops = [stop.received_at - started_at for stop in call.stops]
        self.flushes = [
            (stop.received_at - started_at, stop.silence_at - started_at)
            for stop in call.stops
            if stop.silence_at is not None
        ]
        """StopAudio, and the last sound at the ear of all that came before it"""

    def pieces(self, sound: Int16Array, not_before_s: float, begun_by_s: float) -> list[Piece]:
        found = find_pieces(sound, self.track, self.track_at_s, not_before_s, begun_by_s)
        return [self._until_stop(piece, len(sound) * 1000 / TRACK_HZ) for piece in found]

    def voiced_from(self, at_s: float, until_s: float) -> float | None:
        """The first sound of a voice in a stretch."""
        return next((max(at_s, start) for start, end in self.voice if end > at_s and start < until_s), None)

    def _until_stop(self, piece: Piece, length_ms: float) -> Piece:
        """A pause of the speaker at the place of a cut sounds like the cut; the network knows where it was."""
        cut_s = next((at for _, at in self.flushes if piece.at_s < at < piece.end_s + _CUT_SLACK_S), None)
        if cut_s is None:
            return piece
        return Piece(piece.from_ms, min(length_ms, piece.from_ms + (cut_s - piece.at_s) * 1000), piece.at_s)


class PlayOrder:
    """When the next answer can have been heard: they are played one after the other, and wait for each other."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._free_s = 0.0
        self._busy_s = heard.track_at_s
        """when all before would be over if it was played whole"""
        self._began_s = 0.0

    def window(self, source: Source) -> tuple[float, float]:
        """Not heard before, and begun by."""
        begins_s = source.first_audio_s or 0.0
        flushed = [silence for stop, silence in self._heard.flushes if self._began_s <= stop <= begins_s]
        slowest_s = (source.last_audio_s or 0.0) - source.length_ms / 1000
        return max(self._free_s, begins_s), max(begins_s, slowest_s, min([self._busy_s, *flushed])) + _LATE_S

    def played(self, source: Source, pieces: Sequence[Piece]) -> None:
        """Take the next answer, in the order in which they began."""
        self._began_s = source.first_audio_s or 0.0
        self._free_s = max([self._free_s, *(piece.end_s for piece in pieces)])
        self._busy_s = max(self._busy_s, self._began_s) + source.length_ms / 1000


def sources(notes: Notes, session: SessionRecord | None, meta: CallMeta) -> list[Source]:
    """What the agent said, in the order it began."""
    items = [] if session is None else [each for each in session.items if each.delivered_samples]
    found = [
        _generated(item, number == 0 and _is_greeting(item, notes, session), notes, session)
        for number, item in enumerate(items)
    ]
    if session is None:
        found += _traced(notes)
    found += _clips(notes, meta)
    return sorted(found, key=lambda source: source.first_audio_s or 0.0)


def _is_greeting(item: GeneratedItem, notes: Notes, session: SessionRecord | None) -> bool:
    """The agent spoke first."""
    first_turn_s = min((turn.started_s for turn in notes.turns if turn.stopped_s is not None), default=float("inf"))
    return session is None or item.first_sent_at is None or notes.since_ring(item.first_sent_at) < first_turn_s


def _generated(item: GeneratedItem, greeting: bool, notes: Notes, session: SessionRecord | None) -> Source:
    first_audio_s = notes.first_at("item.first_audio", item_id=item.item_id)
    if first_audio_s is None and item.first_sent_at is not None:
        first_audio_s = notes.since_ring(item.first_sent_at)
    cuts = (
        [] if session is None else [cut for cut in session.truncations if cut.item_id == item.item_id and cut.accepted]
    )
    return Source(
        item.item_id,
        "greeting" if greeting else "answer",
        item.text,
        tuple((word.text, word.start_s * 1000, word.end_s * 1000) for word in item.words),
        change_rate(item.samples, item.rate_hz, TRACK_HZ),
        item.delivered_ms,
        first_audio_s,
        _delivered_s(item, notes, session),
        cuts[-1].audio_end_ms if cuts else None,
    )


def _delivered_s(item: GeneratedItem, notes: Notes, session: SessionRecord | None) -> float | None:
    responses = [] if session is None else session.responses
    done_at = next((each.done_at for each in responses if each.response_id == item.response_id), None)
    return None if done_at is None else notes.since_ring(done_at)


def _traced(notes: Notes) -> Iterable[Source]:
    """Items of a session nobody recorded: their words and lengths as the gateway noted them."""
    for number, note in enumerate(notes.named("item.first_audio")):
        item_id = str(note["item_id"])
        cut = notes.first("item.truncated", item_id=item_id)
        played = notes.first("item.played", item_id=item_id)
        spoken = notes.first("item.transcript", item_id=item_id)
        length_ms = float((cut or played or {}).get("received_ms", 0.0))
        text = str((spoken or {}).get("text", ""))
        kind = "greeting" if number == 0 and not notes.first_at("turn.speech_stopped") else "answer"
        truncated = None if cut is None else float(cut["audio_end_ms"])
        yield Source(item_id, kind, text, (), None, length_ms, notes.at(note), None, truncated)


def _clips(notes: Notes, meta: CallMeta) -> Iterable[Source]:
    for note in notes.named("item.first_sent"):
        item_id = str(note["item_id"])
        if not item_id.startswith(CLIP_PREFIX):
            continue
        text, sound = meta.clip_sounds.get(item_id.split(":")[1], ("", None))
        length_ms = 0.0 if sound is None else len(sound) * 1000 / TRACK_HZ
        yield Source(item_id, "clip", text, (), sound, length_ms, notes.at(note), None, None)


def agent_item(source: Source, heard: Heard, notes: Notes, order: PlayOrder) -> AgentItem:
    """What became of it at the ear; to be asked in the order in which the answers began."""
    estimate_s = notes.estimate("item.first_heard", item_id=source.item_id)
    if source.sound is not None:
        pieces = heard.pieces(source.sound, *order.window(source))
    else:
        pieces = _supposed_pieces(source, estimate_s)
    order.played(source, pieces)
    ghosts = _ghosts(source, pieces)
    begun = [heard.voiced_from(piece.at_s, piece.end_s) for piece in pieces]
    return AgentItem(
        item_id=source.item_id,
        kind=source.kind,
        words=_words(source, pieces),
        generated_ms=source.length_ms,
        heard_ms=sum(piece.to_ms - piece.from_ms for piece in pieces),
        believed_ms=source.length_ms if source.truncated_at_ms is None else source.truncated_at_ms,
        truncated_at_ms=source.truncated_at_ms,
        first_audio_s=source.first_audio_s,
        first_sent_s=notes.first_at("item.first_sent", item_id=source.item_id),
        first_heard_s=next((at_s for at_s in begun if at_s is not None), None),
        first_heard_estimate_s=estimate_s,
        pieces=tuple(pieces),
        ghosts=tuple(ghosts),
    )


def _supposed_pieces(source: Source, estimate_s: float | None) -> list[Piece]:
    """Without the sound there is nothing to look for at the ear: the gateway's own account."""
    length_ms = source.length_ms if source.truncated_at_ms is None else source.truncated_at_ms
    return [] if estimate_s is None or not length_ms else [Piece(0.0, length_ms, estimate_s)]


def _ghosts(source: Source, pieces: list[Piece]) -> list[Ghost]:
    """What lies between the pieces, before the first and after the last."""
    if not pieces:
        at_s = source.first_audio_s or 0.0
        return [_ghost(source, 0.0, source.length_ms, at_s)] if source.length_ms >= _WORST_GHOST_MS else []
    found, done_ms = [], 0.0
    for piece in pieces:
        missing_ms = piece.from_ms - done_ms
        if missing_ms >= _WORST_GHOST_MS:
            found.append(_ghost(source, done_ms, missing_ms, piece.at_s - missing_ms / 1000))
        done_ms = piece.to_ms
    if source.length_ms - done_ms >= _WORST_GHOST_MS:
        found.append(_ghost(source, done_ms, source.length_ms - done_ms, pieces[-1].end_s))
    return found


def _ghost(source: Source, from_ms: float, length_ms: float, at_s: float) -> Ghost:
    first = round(from_ms * TRACK_HZ / 1000)
    samples = None if source.sound is None else source.sound[first : first + round(length_ms * TRACK_HZ / 1000)]
    return Ghost(at_s, length_ms, from_ms, samples)


def _words(source: Source, pieces: list[Piece]) -> tuple[SpokenWord, ...]:
    timed = source.timed or spread_words(source.text, source.length_ms)
    return tuple(_word(text, start_ms, end_ms, source, pieces) for text, start_ms, end_ms in timed)


def _word(text: str, start_ms: float, end_ms: float, source: Source, pieces: list[Piece]) -> SpokenWord:
    """A word counts as heard when its middle was."""
    middle_ms = (start_ms + end_ms) / 2
    holding = next((piece for piece in pieces if piece.from_ms <= middle_ms < piece.to_ms), None)
    before = [piece for piece in pieces if piece.from_ms <= middle_ms]
    nearest = holding or (before[-1] if before else next(iter(pieces), None))
    zero_s = (source.first_audio_s or 0.0) if nearest is None else nearest.at_s - nearest.from_ms / 1000
    return SpokenWord(text, zero_s + start_ms / 1000, zero_s + end_ms / 1000, heard=holding is not None)


def spread_words(text: str, length_ms: float) -> tuple[tuple[str, float, float], ...]:
    """Words without times of their own, by their length in letters; a bracketed remark stays whole."""
    parts = [text] if text.startswith("[") else text.split()
    total = sum(len(part) + 1 for part in parts)
    found, at_ms = [], 0.0
    for part in parts:
        following_ms = at_ms + length_ms * (len(part) + 1) / total
        found.append((part, at_ms, following_ms))
        at_ms = following_ms
    return tuple(found)
