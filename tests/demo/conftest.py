"""A call as its three witnesses would tell it, put together from clips at known places: no sockets, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gateway.audio.pcm import Int16Array
from gateway.demo.facts import CallMeta, DemoRecord
from gateway.demo.record import build_record
from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.phone.caller import Spoken
from gateway.simulator.phone.ear import Segment, voice_bounds
from gateway.simulator.phone.lane import Stop
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.voice_live.record import GeneratedItem, SessionRecord, Truncation, Turn
from gateway.simulator.voice_live.script import TimedWord

RING = 1000.0
ANSWERED = 1000.05
HZ = 16000
LENGTH_S = 26.0


@dataclass
class Witnesses:
    """What a test puts together, and the truth of it."""

    call: CallRecord
    trace: list[dict[str, Any]]
    session: SessionRecord
    meta: CallMeta = field(default_factory=lambda: CallMeta(far_end_delay_ms=150.0, ptu_units=50))

    def record(self, *, traced: bool = True, logged: bool = True) -> DemoRecord:
        return build_record(self.call, self.trace if traced else [], self.session if logged else None, self.meta)


class Teller:
    """Lays clips on the tracks and writes down who would have said what about them."""

    def __init__(self) -> None:
        self.mouth = np.zeros(round(LENGTH_S * HZ), np.int16)
        self.ear = np.zeros(round(LENGTH_S * HZ), np.int16)
        self.spoken: list[Spoken] = []
        self.heard: list[Segment] = []
        self.stops: list[Stop] = []
        self.trace: list[dict[str, Any]] = []
        self.session = SessionRecord("s", {}, "m", "byom-azure-openai-chat-completion", RING)
        self.note(0.0, "call.offered", call_id="c1", profile="byom-azure-openai-chat-completion")
        self.note(0.03, "call.model_ready", dial_s=0.03)

    def note(self, at_s: float, name: str, **fields: Any) -> None:
        self.trace.append({"t": RING + at_s, "name": name, **fields})

    def caller(self, name: str, at_s: float, *, noticed: bool = True) -> None:
        clip = load_clip(name)
        sound = speech_at(clip, HZ)
        first, end = voice_bounds(sound, HZ)
        _lay(self.mouth, sound, at_s)
        at, number = RING + at_s, len(self.spoken) + 1
        onset, over = at + first / HZ, at + end / HZ
        self.spoken.append(Spoken(name, clip.text, at, onset, over))
        if not noticed:
            return
        turn = f"item_{number}"
        self.note(onset + 0.1 - RING, "caller.onset", at=onset + 0.01)
        self.note(onset + 0.16 - RING, "turn.speech_started", item_id=turn, audio_start_ms=0)
        self.note(over + 0.2 - RING, "caller.end", at=over - 0.01)
        self.note(over + 0.5 - RING, "turn.speech_stopped", item_id=turn, audio_end_ms=1)
        self.note(over + 0.7 - RING, "turn.transcript", item_id=turn, text=clip.text)
        self.session.turns.append(Turn(turn, onset + 0.16, 0, over + 0.5, 1, clip.text))

    def agent(self, name: str, first_audio_s: float, heard_s: float, *, lost_ms: float = 0.0) -> str:
        """The clip is heard from `heard_s` on; its first `lost_ms` are missing there."""
        clip = load_clip(name)
        sound = speech_at(clip, HZ)
        item_id = f"msg_{name}"
        words = tuple(TimedWord(word.text, word.start_s, word.end_s) for word in clip.words)
        item = GeneratedItem(item_id, f"r_{name}", clip.text, words, sound, HZ, len(sound), RING + first_audio_s)
        self.session.items.append(item)
        kept = sound[round(lost_ms * HZ / 1000) :]
        _lay(self.ear, kept, heard_s)
        self.heard.append(Segment(RING + heard_s + 0.04, RING + heard_s + len(kept) / HZ))
        self.note(first_audio_s, "item.first_audio", item_id=item_id, response_id=item.response_id)
        self.note(first_audio_s + 0.01, "item.first_sent", item_id=item_id)
        self.note(first_audio_s + 0.01, "item.first_heard", item_id=item_id, at=RING + heard_s)
        self.note(first_audio_s + 0.2, "item.transcript", item_id=item_id, text=clip.text)
        self.note(first_audio_s + 0.2, "playout.lead", lead_ms=60, queued_ms=4000)
        self.note(first_audio_s + 0.4, "playout.lead", lead_ms=60, queued_ms=3800)
        self.note(first_audio_s + 0.4, "ptu.charged", normalised_tokens=200.0, ptu_utilisation=0.002)
        return item_id

    def interrupt(self, item_id: str, stop_s: float, silence_s: float, truncated_ms: int) -> None:
        """The answer falls silent at the ear at `silence_s`."""
        self.ear[round((RING + silence_s - ANSWERED) * HZ) :] = 0
        self.stops.append(Stop(RING + stop_s, RING + silence_s, 0.05))
        self.heard[-1].end_at = RING + silence_s
        self.session.truncations.append(Truncation(RING + stop_s, item_id, truncated_ms, "client", accepted=True))
        heard = {"text_heard": "Thank you.", "text_unheard": "the rest", "received_ms": 11748}
        self.note(stop_s, "item.truncated", item_id=item_id, audio_end_ms=truncated_ms, **heard)
        self.note(stop_s, "barge_in", item_id=item_id, stop_sent=True)

    def witnesses(self) -> Witnesses:
        times = {"event_posted": RING, "answered": ANSWERED, "media_opened": RING + 0.2, "first_frame": RING + 0.21}
        call = CallRecord(
            correlation_id="correlation",
            connection_id="connection",
            server_call_id="server",
            ending="caller",
            story_done=True,
            gave_up=False,
            times=times | {"ended": ANSWERED + LENGTH_S},
            event_state="delivered",
            event_attempts=(),
            answers=(),
            callbacks=(),
            sockets=(),
            spoken=tuple(self.spoken),
            heard=tuple(self.heard),
            arrivals=(),
            gaps=(),
            stops=tuple(self.stops),
            unheard=(),
            unheard_hz=HZ,
            origin=ANSWERED,
            caller_track=self.mouth,
            ear_track=self.ear,
            errors=(),
        )
        return Witnesses(call, sorted(self.trace, key=lambda note: float(note["t"])), self.session)


def _lay(track: Int16Array, sound: Int16Array, at_s: float) -> None:
    first = round((RING + at_s - ANSWERED) * HZ)
    kept = sound[: len(track) - first]
    track[first : first + len(kept)] += kept


@pytest.fixture(scope="session")
def story() -> Witnesses:
    """Greeting, a turn, a long answer cut off after 3,900 ms at the ear, and its answer."""
    teller = Teller()
    teller.agent("agent.greeting", 0.2, 0.6)
    teller.caller("caller.turn2", 5.4)
    long_answer = teller.agent("agent.reply2", 10.0, 10.2)
    teller.caller("caller.turn3", 13.7)
    teller.interrupt(long_answer, 13.95, 14.1, 3880)
    teller.agent("agent.reply3", 17.8, 18.0)
    return teller.witnesses()


@pytest.fixture(scope="session")
def naive_story() -> Witnesses:
    """The same caller where nothing is paced, stopped or truncated, and the last turn is never noticed."""
    teller = Teller()
    teller.agent("agent.greeting", 0.2, 0.6, lost_ms=900.0)
    teller.caller("caller.turn2", 4.6)
    teller.agent("agent.reply2", 9.0, 9.2)
    teller.caller("caller.turn3", 12.7)
    teller.caller("caller.turn4", 21.5, noticed=False)
    witnesses = teller.witnesses()
    witnesses.meta = CallMeta(bridge="Naive bridge", far_end_delay_ms=150.0)
    return witnesses
