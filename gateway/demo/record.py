"""Joins what the phone twin heard, what the gateway noted and what the model service generated into one record.

The trace may be missing (a bridge that writes none), and so may the session: what only they know is None then.
"""

from __future__ import annotations

from typing import Any

from gateway.demo.agent_items import Heard, PlayOrder, agent_item, sources, spread_words
from gateway.demo.facts import (
    AgentItem,
    BargeIn,
    CallMeta,
    DemoRecord,
    LeadPoint,
    PtuPoint,
    SetUp,
    SpokenWord,
    Turn,
    Utterance,
)
from gateway.demo.notes import Notes
from gateway.simulator.clips import clip_names, load_clip
from gateway.simulator.phone.caller import Spoken
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.voice_live.record import SessionRecord

__all__ = ["CallMeta", "DemoRecord", "build_record"]

_NOTICED_S = 2.0
"""Turn detection that takes longer has heard something else."""
_SAME_TURN_S = 0.15
"""A decision of the service this long before the caller's onset still belongs to the turn before."""


def build_record(
    call: CallRecord, trace: list[dict[str, Any]], session: SessionRecord | None, meta: CallMeta
) -> DemoRecord:
    """Everything measured of one call.

    Args:
        call: of the phone twin; its times, the trace's and the session's are of one monotonic clock.
        trace: the gateway's notes; empty for a bridge that has none.
        session: of the Voice Live twin; without it sounds and words are known only as far as the trace tells.
        meta: what the three do not say.
    """
    started_at = call.times.get("event_posted", call.origin)
    notes = Notes(trace, session, started_at)
    heard = Heard(call, started_at)
    order = PlayOrder(heard)
    items = [agent_item(source, heard, notes, order) for source in sources(notes, session, meta)]
    utterances = tuple(_utterance(number, each, started_at) for number, each in enumerate(call.spoken, 1))
    turns = _turns(utterances, items, notes)
    return DemoRecord(
        meta=meta,
        profile=meta.profile or notes.profile,
        call_id=notes.call_id or call.correlation_id,
        ending=call.ending,
        failure=call.failure,
        started_at=started_at,
        answered_s=call.origin - started_at,
        duration_s=call.times["ended"] - started_at,
        set_up=_set_up(call, notes, items, started_at),
        utterances=utterances,
        items=tuple(items),
        turns=turns,
        barge_ins=_barge_ins(utterances, items, notes, heard),
        lead=tuple(LeadPoint(notes.at(n), n["lead_ms"], n["queued_ms"]) for n in notes.named("playout.lead")),
        ptu=tuple(
            PtuPoint(notes.at(n), n["ptu_utilisation"] * 100, n["normalised_tokens"])
            for n in notes.named("ptu.charged")
            if n.get("ptu_utilisation") is not None
        ),
        stats=notes.stats,
        phone=call.as_json(),
        caller_track=call.caller_track,
        ear_track=call.ear_track,
    )


def _utterance(number: int, spoken: Spoken, started_at: float) -> Utterance:
    at_s = spoken.start_at - started_at
    if spoken.name in clip_names():
        clip = load_clip(spoken.name)
        words = tuple(SpokenWord(word.text, at_s + word.start_s, at_s + word.end_s) for word in clip.words)
    else:
        timed = spread_words(spoken.text, (spoken.end_at - spoken.onset_at) * 1000)
        onset_s = spoken.onset_at - started_at
        words = tuple(SpokenWord(text, onset_s + start / 1000, onset_s + end / 1000) for text, start, end in timed)
    return Utterance(number, spoken.name, spoken.onset_at - started_at, spoken.end_at - started_at, words)


def _set_up(call: CallRecord, notes: Notes, items: list[AgentItem], started_at: float) -> SetUp:
    since = {name: at - started_at for name, at in call.times.items()}
    heard = [item for item in items if item.first_heard_s is not None]
    first = min(heard, key=lambda item: item.first_heard_s or 0.0) if heard else None
    return SetUp(
        answered_s=since.get("answered"),
        media_open_s=since.get("media_opened"),
        first_frame_s=since.get("first_frame"),
        model_ready_s=notes.first_at("call.model_ready"),
        first_words_sent_s=first.first_sent_s if first else None,
        first_words_heard_s=first.first_heard_s if first else None,
    )


def _turns(utterances: tuple[Utterance, ...], items: list[AgentItem], notes: Notes) -> tuple[Turn, ...]:
    begins = [utterance.onset_s - _SAME_TURN_S for utterance in utterances]
    ends = [*begins[1:], float("inf")][: len(begins)]
    return tuple(
        _turn(utterance, begin, end, items, notes)
        for utterance, begin, end in zip(utterances, begins, ends, strict=True)
    )


def _turn(utterance: Utterance, begin_s: float, end_s: float, items: list[AgentItem], notes: Notes) -> Turn:
    decided = [turn for turn in notes.turns if turn.stopped_s is not None and begin_s < turn.stopped_s < end_s]
    last = decided[-1] if decided else None
    decided_s = last.stopped_s if last else None
    own_ends = [at for at in notes.caller_ends if begin_s < at < end_s]
    after_s = float("inf") if decided_s is None else decided_s
    candidates = [item for item in items if item.first_audio_s is not None and after_s <= item.first_audio_s < end_s]
    answer = next((item for item in candidates if item.kind != "clip"), None)
    filler = next((item for item in candidates if item.kind == "clip"), None)
    return Turn(
        number=utterance.number,
        caller_onset_s=utterance.onset_s,
        caller_end_s=utterance.end_s,
        caller_end_estimate_s=own_ends[-1] if own_ends else None,
        decided_s=decided_s,
        transcript=last.transcript if last else None,
        item_id=answer.item_id if answer else None,
        first_audio_s=answer.first_audio_s if answer else None,
        first_sent_s=answer.first_sent_s if answer else None,
        first_heard_s=answer.first_heard_s if answer else None,
        first_heard_estimate_s=answer.first_heard_estimate_s if answer else None,
        filler_heard_s=filler.first_heard_s if filler else None,
    )


def _barge_ins(
    utterances: tuple[Utterance, ...], items: list[AgentItem], notes: Notes, heard: Heard
) -> tuple[BargeIn, ...]:
    found = []
    for utterance in utterances:
        item = next((item for item in items if _sounding(item, utterance.onset_s)), None)
        if item is not None:
            found.append(_barge_in(utterance, item, notes, heard))
    return tuple(found)


def _sounding(item: AgentItem, at_s: float) -> bool:
    return any(piece.at_s < at_s < piece.end_s for piece in item.pieces)


def _barge_in(utterance: Utterance, item: AgentItem, notes: Notes, heard: Heard) -> BargeIn:
    began = [turn.started_s for turn in notes.turns if 0 <= turn.started_s - utterance.onset_s < _NOTICED_S]
    within = [at for at in notes.caller_onsets if abs(at - utterance.onset_s) < _SAME_TURN_S]
    stops = [at for at in heard.stops if at >= utterance.onset_s and began and abs(at - began[0]) < 1.0]
    at_onset_ms = sum(max(0.0, min(piece.end_s, utterance.onset_s) - piece.at_s) * 1000 for piece in item.pieces)
    return BargeIn(
        turn=utterance.number,
        item_id=item.item_id,
        onset_s=utterance.onset_s,
        onset_estimate_s=within[0] if within else None,
        speech_started_s=began[0] if began else None,
        stop_audio_s=stops[0] if stops else None,
        silence_s=item.pieces[-1].end_s,
        truncated_at_ms=item.truncated_at_ms,
        heard_ms=item.heard_ms,
        heard_at_onset_ms=at_onset_ms,
        believed_ms=item.believed_ms,
        words_heard=item.text_heard,
        words_unheard=item.text_unheard,
        words_heard_estimate=(notes.first("item.truncated", item_id=item.item_id) or {}).get("text_heard"),
    )
