from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.ptu import Sizes, TokenWeights, ptu_table
from gateway.capacity.sizing import CallProfile, Limits, Units, calls_in, normalised_per_minute, plan

GPT_5_2, GPT_4_1 = ptu_table().models["gpt-5.2"], ptu_table().models["gpt-4.1"]
VOICE = CallProfile()


@pytest.mark.parametrize(
    ("cached", "tokens", "exact", "bought"), [(0.0, 360_000, 105.88, 110), (0.5, 260_000, 76.47, 80)]
)
def test_the_published_example_comes_out(cached: float, tokens: float, exact: float, bought: int) -> None:
    """Microsoft Learn, "Determine PTU sizing for a workload": gpt-5.2, 1,000 requests a minute, 200 in, 20 out."""
    minute = normalised_per_minute(1000, 200, 20, TokenWeights(8), cached)
    assert minute == tokens
    assert round(minute / GPT_5_2.tpm_per_ptu, 2) == exact
    assert GPT_5_2.sizes[0].units_for(minute / GPT_5_2.tpm_per_ptu) == bought


def test_fifty_units_carry_the_calls_of_the_voice_example() -> None:
    """150,000 tokens a minute; 2,400 for prompts and 960 for answers of a call: 44 calls at 100 %, 35 at 80 %."""
    weights = TokenWeights(4)
    units = Units(3000, weights, GPT_4_1.sizes[1])
    assert VOICE.tokens_per_minute(weights) == pytest.approx(3360)
    assert 50 * GPT_4_1.tpm_per_ptu == 150_000
    assert calls_in(VOICE, 50, units, 1.0) == 44
    assert calls_in(VOICE, 50, units, 0.8) == 35


def test_a_plan_says_what_is_needed_around_the_units() -> None:
    wanted = plan(VOICE, 100, Units(3000, TokenWeights(4), Sizes(50, 50)), Limits())
    assert wanted.tokens_per_minute == pytest.approx(336_000)
    assert wanted.exact_units == pytest.approx(112)
    assert wanted.units == 150
    assert wanted.utilisation == pytest.approx(336_000 / 450_000)
    assert wanted.calls_a_minute == pytest.approx(33.3, abs=0.1)
    assert (wanted.resources, wanted.replicas) == (2, 2)


def test_newer_models_weigh_what_is_read_and_written() -> None:
    weights = TokenWeights(5, 0.1, 1.25)
    assert normalised_per_minute(1, 1000, 10, weights, 0.5, 0.2) == pytest.approx(300 + 50 + 250 + 50)


profiles = st.builds(
    CallProfile,
    turns_per_minute=st.floats(0.1, 20),
    prompt_tokens=st.floats(1, 20_000),
    answer_tokens=st.floats(1, 2000),
    cached=st.floats(0, 1),
    minutes=st.floats(0.1, 55),
)
sizes = st.builds(Sizes, st.integers(1, 400), st.integers(1, 200))


@given(profiles, st.integers(1, 2000), sizes, st.floats(100, 60_000), st.floats(0.1, 1.0))
def test_what_is_bought_carries_the_calls_and_one_step_less_does_not(
    profile: CallProfile, calls: int, sold: Sizes, tpm_per_ptu: float, target: float
) -> None:
    of = Units(tpm_per_ptu, TokenWeights(4), sold)
    wanted = plan(profile, calls, of, Limits(target))
    assert wanted.utilisation <= target * (1 + 1e-6)
    assert calls_in(profile, wanted.units, of, target) >= calls - 1
    smaller = wanted.units - sold.step
    if smaller >= sold.minimum:
        assert wanted.tokens_per_minute > target * smaller * tpm_per_ptu * (1 - 1e-6)
