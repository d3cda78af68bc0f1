from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.session.interruption import CLAIM_S, LONGEST_S, NO_TURN_S, Interruption, Verdict

RESUME_AFTER_S = 1.2


def held(began_at: float = 0.0) -> Interruption:
    interruption = Interruption(RESUME_AFTER_S)
    interruption.began(began_at)
    return interruption


@pytest.mark.parametrize(("claim", "verdict"), [(True, Verdict.CUT), (False, Verdict.RESUME)])
def test_words_decide(claim: bool, verdict: Verdict) -> None:
    interruption = held()
    assert interruption.words(claim_the_turn=claim) is verdict
    assert not interruption.open
    assert interruption.words(claim_the_turn=claim) is None


def test_a_voice_that_lasts_wants_the_turn() -> None:
    interruption = held()
    assert interruption.on_tick(CLAIM_S - 0.02, answered=False) is None
    assert interruption.on_tick(CLAIM_S, answered=False) is Verdict.CUT


def test_a_cough_does_not() -> None:
    interruption = held()
    interruption.voice_ended(0.3)
    assert interruption.on_tick(CLAIM_S, answered=False) is None
    interruption.stopped(1.0)
    assert interruption.on_tick(1.0 + RESUME_AFTER_S - 0.02, answered=False) is None
    assert interruption.on_tick(1.0 + RESUME_AFTER_S, answered=False) is Verdict.RESUME


def test_what_the_service_answers_was_worth_it() -> None:
    interruption = held()
    interruption.stopped(0.5)
    assert interruption.on_tick(0.5 + RESUME_AFTER_S, answered=True) is Verdict.CUT


def test_noise_whose_end_the_service_does_not_notice_stops_nobody() -> None:
    interruption = held()
    interruption.voice_ended(0.3)
    assert interruption.on_tick(0.3 + NO_TURN_S - 0.02, answered=False) is None
    assert interruption.on_tick(0.3 + NO_TURN_S, answered=False) is Verdict.RESUME


def test_a_voice_that_goes_on_after_a_breath_still_counts_from_its_beginning() -> None:
    interruption = held()
    interruption.voice_ended(0.5)
    interruption.voice_began()
    assert interruption.on_tick(CLAIM_S, answered=False) is Verdict.CUT


def test_nothing_is_judged_where_nothing_is_held() -> None:
    interruption = Interruption(RESUME_AFTER_S)
    interruption.voice_ended(1.0)
    interruption.voice_began()
    interruption.stopped(1.0)
    assert interruption.on_tick(100.0, answered=True) is None
    interruption.began(100.0)
    interruption.forget()
    assert interruption.on_tick(200.0, answered=False) is None


def test_one_sound_after_the_other_claims_the_turn_in_the_end() -> None:
    """Each is too short to be believed, but somebody who makes so many of them wants something."""
    interruption = held(0.0)
    verdict, now = None, 0.0
    while verdict is None and now < 60.0:
        now += 0.1
        if round(now * 10) % 8 == 0:
            interruption.began(now)
        elif round(now * 10) % 8 == 4:
            interruption.stopped(now)
        verdict = interruption.on_tick(now, answered=False)
    assert verdict is Verdict.CUT
    assert now == pytest.approx(LONGEST_S, abs=0.1)


@given(
    st.lists(st.tuples(st.sampled_from(["began", "voice_began", "voice_ended", "stopped"]), st.floats(0.0, 3.0))),
    st.booleans(),
)
def test_every_sound_is_judged_within_a_bound(steps: list[tuple[str, float]], answered: bool) -> None:
    """Whatever is heard meanwhile, and in whatever order."""
    interruption = held(0.0)
    now = 0.0
    for step, passed_s in steps:
        now += passed_s
        if interruption.on_tick(now, answered=answered) is not None:
            break
        assert now < LONGEST_S
        match step:
            case "began":
                interruption.began(now)
            case "voice_began":
                interruption.voice_began()
            case "voice_ended":
                interruption.voice_ended(now)
            case _:
                interruption.stopped(now)
    else:
        assert interruption.on_tick(max(now, LONGEST_S), answered=answered) is not None
    assert not interruption.open
