from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.session.silence import Prompt
from gateway.session.wordless import LEAST, Wordless


def test_a_minute_of_sound_without_a_word_is_asked_about_and_then_ended() -> None:
    wordless, said = Wordless(60.0), []
    for second in range(100):
        if second % 10 == 0:
            wordless.heard(float(second))
        prompt = wordless.on_tick(float(second))
        if prompt is not None:
            said.append((second, prompt))
    assert said == [(60, Prompt.STILL_THERE), (80, Prompt.GOODBYE)]


def test_one_word_is_enough() -> None:
    wordless = Wordless(60.0)
    for second in range(200):
        if second % 10 == 0:
            wordless.heard(float(second))
        if second % 55 == 0:
            wordless.spoke()
        assert wordless.on_tick(float(second)) is None


def test_a_few_coughs_are_no_such_call_and_silence_has_its_own_rule() -> None:
    wordless = Wordless(60.0)
    for number in range(LEAST - 1):
        wordless.heard(40.0 * number)
    assert wordless.on_tick(90.0) is None
    for second in range(LEAST):
        wordless.heard(90.0 + second)
    assert wordless.on_tick(200.0) is None, "it has stopped long ago"


def test_a_line_may_take_everything() -> None:
    wordless = Wordless(None)
    for second in range(500):
        wordless.heard(float(second))
        assert wordless.on_tick(float(second)) is None


@given(st.lists(st.tuples(st.sampled_from(["sound", "word", "wait"]), st.floats(0.0, 30.0)), max_size=80))
def test_nobody_is_sent_away_without_being_asked_or_within_a_minute_of_a_word(story: list[tuple[str, float]]) -> None:
    wordless, now, word_at, asked_at = Wordless(60.0), 0.0, 0.0, None
    for what, pause in story:
        now += pause
        if what == "sound":
            wordless.heard(now)
        elif what == "word":
            wordless.spoke()
            word_at, asked_at = now, None
        match wordless.on_tick(now):
            case Prompt.STILL_THERE:
                assert now - word_at >= 60.0
                asked_at = now
            case Prompt.GOODBYE:
                assert asked_at is not None
                asked_at = None
            case None:
                pass
