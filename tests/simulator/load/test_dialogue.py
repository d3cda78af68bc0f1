"""The model's story at invented times."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from gateway.simulator.load.dialogue import Dialogue
from gateway.simulator.load.plan import Talk

TICK_S = 0.02
RATE_HZ = 16000


@dataclass
class Heard:
    """What came out of a dialogue, and when."""

    dialogue: Dialogue
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    now: float = 100.0

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.events += [(self.now, orjson.loads(message)) for message in self.dialogue.step(self.now)]
            self.now += TICK_S

    def times(self, kind: str) -> list[float]:
        return [at for at, event in self.events if event["type"] == kind]

    def kinds(self) -> list[str]:
        return [event["type"] for _, event in self.events]

    def audio_s(self, until: float) -> float:
        return sum(
            len(base64.b64decode(event["delta"])) / 2 / RATE_HZ
            for at, event in self.events
            if event["type"] == "response.audio.delta" and at <= until
        )


def opened(talk: Talk, number: int = 1) -> Heard:
    """A dialogue whose greeting was asked for, and whose caller was heard a second later."""
    heard = Heard(Dialogue(talk, RATE_HZ, number))
    heard.dialogue.greeting_asked()
    heard.run(1.0)
    heard.dialogue.caller_heard(heard.now)
    return heard


def test_nothing_is_said_before_somebody_asks_or_speaks() -> None:
    heard = Heard(Dialogue(Talk.ALWAYS, RATE_HZ, 1))
    heard.run(5.0)
    assert heard.events == []


def test_the_greeting_is_made_before_the_caller_is_there() -> None:
    heard = opened(Talk.ALWAYS)
    assert heard.audio_s(heard.now) == pytest.approx(2.0)
    assert heard.kinds()[0] == "response.created"
    assert heard.kinds()[-1] == "response.done"


def test_without_a_request_for_a_greeting_the_first_answer_follows_the_caller() -> None:
    heard = Heard(Dialogue(Talk.ALWAYS, RATE_HZ, 1))
    heard.dialogue.caller_heard(heard.now)
    heard.run(1.0)
    assert heard.times("response.created") == [pytest.approx(100.0, abs=0.03)]


def test_always_there_is_more_audio_than_has_been_played() -> None:
    heard = opened(Talk.ALWAYS)
    start = heard.now + 0.2
    cut_at = None
    while cut_at is None:
        heard.run(TICK_S)
        cuts = heard.times("input_audio_buffer.speech_started")
        cut_at = cuts[0] if cuts else None
        assert heard.audio_s(heard.now) > heard.now - start


def test_always_the_caller_interrupts_and_the_next_answer_follows() -> None:
    heard = opened(Talk.ALWAYS)
    heard.run(30.0)
    kinds = heard.kinds()
    cuts = [index for index, kind in enumerate(kinds) if kind == "input_audio_buffer.speech_started"]
    assert len(cuts) >= 3
    for cut in cuts[:-1]:
        assert kinds[cut : cut + 7] == [
            "input_audio_buffer.speech_started",
            "response.done",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.input_audio_transcription.completed",
            "conversation.item.created",
            "response.created",
        ]
    statuses = [event["response"]["status"] for _, event in heard.events if event["type"] == "response.done"]
    assert set(statuses[1:]) == {"cancelled"}
    assert heard.dialogue.deltas / 32 == pytest.approx(9.5, abs=1.0)


def test_calls_are_spread_over_the_cycle() -> None:
    first_cuts = []
    for number in range(1, 9):
        heard = opened(Talk.ALWAYS, number)
        heard.run(12.0)
        first_cuts.append(heard.times("input_audio_buffer.speech_started")[0])
    first_cuts.sort()
    assert max(b - a for a, b in itertools.pairwise(first_cuts)) < 2.0


def test_in_turns_every_other_answer_is_interrupted() -> None:
    heard = opened(Talk.TURNS)
    heard.run(40.0)
    begun = heard.times("response.created")[1:]  # the first is the greeting
    caller = heard.times("input_audio_buffer.speech_started")[1:]
    lengths = [round(spoke - answered, 1) for answered, spoke in zip(begun, caller, strict=False)]
    assert len(lengths) >= 4
    assert set(lengths) == {2.5, 4.6}
    assert all(a != b for a, b in itertools.pairwise(lengths))


def test_in_turns_an_answer_comes_in_a_burst() -> None:
    heard = opened(Talk.TURNS)
    heard.run(10.0)
    first = heard.times("response.created")[1]
    end = next(at for at in heard.times("response.audio.done") if at > first)
    assert heard.audio_s(end) == pytest.approx(6.0)
    assert end - first < 0.5


def test_a_spurt_says_what_was_given_and_when_it_was_cut() -> None:
    heard = opened(Talk.ALWAYS)
    greeting = heard.dialogue.spurt
    assert greeting.began_at is None
    heard.run(10.0)
    assert greeting.cut_at == heard.times("input_audio_buffer.speech_started")[0]
    assert greeting.given_s == pytest.approx(heard.audio_s(greeting.cut_at))
    assert heard.dialogue.spurt.began_at == heard.times("response.created")[2]


def test_words_are_timed_where_the_session_asked_for_it() -> None:
    silent, timed = opened(Talk.ALWAYS), Heard(Dialogue(Talk.ALWAYS, RATE_HZ, 1))
    timed.dialogue.times_words = True
    timed.dialogue.greeting_asked()
    timed.run(1.0)
    assert len(timed.times("response.audio_timestamp.delta")) == len(timed.times("response.audio_transcript.delta")) > 0
    assert silent.times("response.audio_timestamp.delta") == []


def test_event_ids_are_never_used_twice() -> None:
    heard = opened(Talk.TURNS)
    heard.run(20.0)
    ids = [event["event_id"] for _, event in heard.events]
    assert len(set(ids)) == len(ids)
