from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.session.settings import SilenceSettings
from gateway.session.silence import CallerSilence, Prompt

SETTINGS = SilenceSettings(after_s=10.0, prompts=2)


def prompts(
    silence: CallerSilence, begin: float, end: float, *, callers_turn: bool = True
) -> list[tuple[float, Prompt]]:
    """What is said from `begin` to `end`, with its moment, a look every half second."""
    moments = [begin + step / 2 for step in range(int((end - begin) * 2) + 1)]
    looked = [(at, silence.on_tick(at, callers_turn=callers_turn)) for at in moments]
    return [(at, prompt) for at, prompt in looked if prompt is not None]


def test_it_asks_twice_and_says_goodbye() -> None:
    assert [prompt for _, prompt in prompts(CallerSilence(SETTINGS), 0.0, 40.0)][:3] == [
        Prompt.STILL_THERE,
        Prompt.STILL_THERE,
        Prompt.GOODBYE,
    ]


def test_silence_counts_from_the_moment_the_caller_could_speak() -> None:
    silence = CallerSilence(SETTINGS)
    assert prompts(silence, 0.0, 60.0, callers_turn=False) == []
    assert prompts(silence, 60.5, 71.0) == [(70.5, Prompt.STILL_THERE)]


def test_a_sound_is_no_answer_but_breaks_the_silence() -> None:
    silence = CallerSilence(SETTINGS)
    assert len(prompts(silence, 0.0, 20.5)) == 2
    silence.heard()
    assert prompts(silence, 21.0, 31.0) == [(31.0, Prompt.GOODBYE)]


def test_words_begin_it_all_anew() -> None:
    silence = CallerSilence(SETTINGS)
    assert len(prompts(silence, 0.0, 20.5)) == 2
    silence.spoke()
    assert [prompt for _, prompt in prompts(silence, 21.0, 31.0)] == [Prompt.STILL_THERE]


def test_a_caller_who_asked_for_a_moment_has_it() -> None:
    silence = CallerSilence(SETTINGS)
    silence.excuse(60.0)
    assert prompts(silence, 0.0, 69.5) == []
    assert prompts(silence, 70.0, 70.0) == [(70.0, Prompt.STILL_THERE)]


def test_a_caller_who_came_back_is_not_excused_any_more() -> None:
    silence = CallerSilence(SETTINGS)
    silence.excuse(1000.0)
    silence.spoke()
    assert prompts(silence, 1.0, 11.0) == [(11.0, Prompt.STILL_THERE)]


def test_without_settings_a_caller_may_be_silent_for_ever() -> None:
    assert prompts(CallerSilence(None), 0.0, 1000.0) == []


def test_without_prompts_the_first_word_is_goodbye() -> None:
    assert prompts(CallerSilence(SilenceSettings(5.0, 0)), 0.0, 5.0) == [(5.0, Prompt.GOODBYE)]


@given(st.lists(st.tuples(st.sampled_from(["tick", "busy", "heard", "spoke"]), st.floats(0.0, 4.0)), max_size=80))
def test_never_before_its_time_and_goodbye_only_after_all_questions(steps: list[tuple[str, float]]) -> None:
    silence, now, quiet_since, asked = CallerSilence(SETTINGS), 0.0, None, 0
    for step, passed_s in steps:
        now += passed_s
        if step in ("heard", "spoke"):
            quiet_since = None
            if step == "spoke":
                silence.spoke()
                asked = 0
            else:
                silence.heard()
            continue
        prompt = silence.on_tick(now, callers_turn=step == "tick")
        if step == "busy":
            assert prompt is None
            quiet_since = None
            continue
        quiet_since = now if quiet_since is None else quiet_since
        assert (prompt is not None) == (now - quiet_since >= SETTINGS.after_s)
        if prompt is not None:
            assert prompt is (Prompt.GOODBYE if asked == SETTINGS.prompts else Prompt.STILL_THERE)
            asked += prompt is Prompt.STILL_THERE
            quiet_since = None
