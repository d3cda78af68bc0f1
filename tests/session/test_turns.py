from __future__ import annotations

from gateway.session.turns import Turn, Turns


def test_the_wait_starts_at_the_true_end_of_speech() -> None:
    turns = Turns()
    turns.caller_began(interrupting=False)
    turns.voice_ended(10.0)
    turns.caller_ended()
    turns.agent_audio(10.9, "a1")
    wait = turns.first_sent("a1", 10.92, 11.1, filler=False)
    assert wait is not None
    assert wait.since_speech_end_ms(wait.first_audio) == 900
    assert wait.since_speech_end_ms(wait.first_heard) == 1100


def test_ears_that_notice_later_than_the_service_still_date_the_wait() -> None:
    turns = Turns()
    turns.caller_began(interrupting=False)
    turns.caller_ended()
    turns.voice_ended(9.5)
    assert turns.wait.speech_end == 9.5


def test_a_filler_shortens_the_wait_without_ending_it() -> None:
    turns = Turns()
    turns.voice_ended(1.0)
    turns.caller_ended()
    assert turns.first_sent("clip:filler:1", 3.5, 3.7, filler=True) is turns.wait
    turns.agent_audio(4.0, "a1")
    assert turns.first_sent("a1", 4.0, 4.2, filler=False) is turns.wait


def test_the_greeting_ends_no_wait() -> None:
    turns = Turns()
    turns.agent_audio(0.0, "greeting")
    assert turns.first_sent("greeting", 0.0, 0.2, filler=False) is None


def test_a_cough_during_an_answer_asks_for_the_answer_again() -> None:
    turns = Turns()
    turns.caller_began(interrupting=True)
    turns.caller_ended()
    turns.nothing_said(resume_at=5.2)
    assert turns.turn is Turn.LISTENING
    assert turns.resume_at == 5.2
    turns.answer_began()
    assert turns.resume_at is None


def test_a_cough_in_a_pause_owes_nothing() -> None:
    turns = Turns()
    turns.caller_began(interrupting=False)
    turns.caller_ended()
    turns.nothing_said(resume_at=5.2)
    assert turns.resume_at is None
