"""The caller does what the plan says, when what is heard allows it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gateway.simulator.phone.caller import Caller, load_utterances, patience_of
from gateway.simulator.phone.plan import (
    Action,
    AfterAgent,
    At,
    CallPlan,
    HangUp,
    Interrupt,
    Press,
    Say,
    Speech,
    WaitAgent,
)

T0 = 50.0


def speech(length_s: float = 0.4) -> Speech:
    silence = np.zeros(1600, np.int16)
    sound = np.full(round(length_s * 16000), 5000, np.int16)
    return Speech(np.concatenate([silence, sound, silence]), 16000)


class Life:
    """Runs a caller against an agent that speaks at given times."""

    def __init__(
        self, *behaviour: Action, agent: Callable[[float], bool], max_s: float = 60.0, answer_s: float | None = None
    ) -> None:
        plan = CallPlan(behaviour=behaviour, max_s=max_s, answer_patience_s=answer_s)
        self.caller = Caller(behaviour, load_utterances(behaviour), T0, patience_of(plan))
        self.digits: list[tuple[float, str]] = []
        self.hung_up_at: float | None = None
        self.mouth = []
        for n in range(1, 50 * 60):
            at = n * 0.02
            frame = self.caller.step(T0 + at, agent_voiced=agent(at - 0.01))
            self.mouth.append(frame.mouth)
            if frame.digit is not None:
                self.digits.append((round(at, 2), frame.digit))
            if frame.hang_up:
                self.hung_up_at = round(at, 2)
                break

    def said_at(self) -> list[float]:
        return [round(spoken.start_at - T0, 2) for spoken in self.caller.spoken]


def speaks(*stretches: tuple[float, float]) -> Callable[[float], bool]:
    return lambda at: any(start <= at < end for start, end in stretches)


def test_waits_for_the_agent_and_a_pause() -> None:
    life = Life(Say(speech(), AfterAgent(0.8)), agent=speaks((1.0, 2.0), (2.5, 3.0)))
    assert life.said_at() == [3.8]


def test_a_click_is_not_an_agent() -> None:
    life = Life(Say(speech(), AfterAgent(0.5)), agent=speaks((1.0, 1.06), (5.0, 6.0)))
    assert life.said_at() == [6.5]


def test_each_turn_needs_new_words_of_the_agent() -> None:
    life = Life(Say(speech()), Say(speech()), agent=speaks((0.0, 1.0), (5.0, 6.0)))
    assert life.said_at() == [1.8, 6.8]


def test_interrupts_while_the_agent_speaks() -> None:
    life = Life(Say(speech(), Interrupt(1.5)), HangUp(1.0), agent=speaks((2.0, 3.8), (6.0, 7.0)))
    assert life.said_at() == [3.5]
    assert life.hung_up_at == 8.0


def test_speaks_at_a_given_time_and_its_sound_is_the_recording() -> None:
    life = Life(Say(speech(), At(1.0)), HangUp(at=At(2.0)), agent=speaks())
    track = np.concatenate(life.mouth)
    assert np.flatnonzero(track)[0] == 16000 + 1600
    assert np.count_nonzero(track) == 6400
    (spoken,) = life.caller.spoken
    assert spoken.onset_at == pytest.approx(T0 + 1.1)
    assert spoken.end_at == pytest.approx(T0 + 1.5)
    assert spoken.text == "[recording 0.6 s]"
    assert life.hung_up_at == 2.0


def test_keys_have_a_rhythm_and_begin_a_turn() -> None:
    life = Life(Press("1#"), HangUp(0.5), agent=speaks((0.0, 1.0), (4.0, 5.0)))
    assert life.digits == [(1.8, "1"), (pytest.approx(2.1, abs=0.021), "#")]
    assert life.hung_up_at == 5.5


def test_hears_the_agent_out_before_the_next_action() -> None:
    life = Life(WaitAgent(0.5), HangUp(2.0), agent=speaks((1.0, 2.0)))
    assert life.hung_up_at == 4.0


def test_patience_ends() -> None:
    life = Life(Say(speech()), agent=speaks(), max_s=10.0)
    assert life.hung_up_at == 10.0
    assert life.caller.gave_up
    assert not life.caller.done


def test_an_answer_that_does_not_come_ends_the_call() -> None:
    """Counted from the end of the caller's own recording; an answer in between, however long, is an answer."""
    life = Life(Say(speech()), Say(speech()), agent=speaks((1.0, 12.0)), answer_s=5.0)
    assert life.said_at() == [12.8]
    assert life.hung_up_at == pytest.approx(12.8 + 0.6 + 5.0, abs=0.021)
    assert life.caller.gave_up
    assert not life.caller.done


def test_nobody_waits_for_a_greeting_forever_and_a_click_is_none() -> None:
    life = Life(Say(speech()), agent=speaks((1.0, 1.06)), answer_s=3.0)
    assert life.hung_up_at == 3.0
    assert life.caller.gave_up


def test_a_caller_who_speaks_is_not_waiting() -> None:
    life = Life(Say(speech(4.0), At(0.0)), HangUp(0.5), agent=speaks((5.0, 6.0)), answer_s=2.0)
    assert life.hung_up_at == 6.5
    assert not life.caller.gave_up


def test_done_when_all_was_said() -> None:
    assert Life(Say(speech(), At(0.5)), HangUp(), agent=speaks(), max_s=5.0).caller.done


def test_own_voice_is_not_taken_for_the_agent() -> None:
    life = Life(Say(speech(2.0), At(0.0)), HangUp(0.5), agent=speaks((0.2, 1.5), (10.0, 11.0)))
    assert life.hung_up_at == 11.5
