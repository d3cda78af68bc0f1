from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.ptu import LongContext, TokenWeights
from gateway.capacity.ptu_table import Kind, Sizes, ptu_table
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
    assert GPT_5_2.sizes[Kind.GLOBAL].units_for(minute / GPT_5_2.tpm_per_ptu) == bought


def test_fifty_units_carry_the_calls_of_the_voice_example() -> None:
    """150,000 tokens a minute; 2,400 for prompts and 960 for answers of a call: 44 calls at 100 %, 35 at 80 %."""
    weights = TokenWeights(4)
    units = Units(3000, weights, GPT_4_1.sizes[Kind.REGIONAL])
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


# --- published and derived examples -----------------------------------------------------------------------------------


def test_the_example_of_the_older_page_comes_out() -> None:
    """Microsoft Learn, "What is provisioned throughput for Foundry Models?" (2026-05-13): gpt-5.2, 1,000 requests a
    minute, 100 in, 50 out: 500,000, 147.06, and 150 in regional steps."""
    minute = normalised_per_minute(1000, 100, 50, TokenWeights(8))
    assert minute == 500_000
    assert round(minute / GPT_5_2.tpm_per_ptu, 2) == 147.06
    assert GPT_5_2.sizes[Kind.REGIONAL].units_for(minute / GPT_5_2.tpm_per_ptu) == 150


@pytest.mark.parametrize(("name", "millions"), [("gpt-6-astra", 25.92), ("gpt-6-sol", 129.6)])
def test_a_unit_carries_as_much_in_thirty_days_as_published(name: str, millions: float) -> None:
    """ "Determine PTU sizing for a workload" (2026-09-23), "PTU and pay-as-you-go comparison": 600 x 60 x 24 x 30."""
    assert ptu_table().models[name].tpm_per_ptu * 60 * 24 * 30 == millions * 1e6


# --- prompts that grow ------------------------------------------------------------------------------------------------


def prompts(profile: CallProfile) -> list[float]:
    """Turn by turn, as the memory of a call would have them."""
    kept: list[float] = []
    found = []
    for _ in range(max(1, round(profile.turns_per_minute * profile.minutes))):
        found.append(profile.prompt_tokens + sum(kept))
        kept.append(profile.growth_tokens)
        if profile.history_turns is not None:
            kept = kept[-(profile.history_turns - 1) :]
    return found


@given(
    st.builds(
        CallProfile,
        turns_per_minute=st.floats(0.1, 10),
        minutes=st.floats(0.1, 30),
        prompt_tokens=st.floats(1, 5000),
        growth_tokens=st.floats(0, 500),
        history_turns=st.none() | st.integers(2, 100),
    )
)
def test_the_mean_prompt_is_that_of_all_turns(profile: CallProfile) -> None:
    found = prompts(profile)
    assert profile.mean_prompt_tokens == pytest.approx(sum(found) / len(found))


def test_a_memory_that_is_kept_short_needs_fewer_units() -> None:
    long = CallProfile(prompt_tokens=900, growth_tokens=120, minutes=10)
    short = CallProfile(prompt_tokens=900, growth_tokens=120, minutes=10, history_turns=8)
    of = Units(3000, TokenWeights(4), GPT_4_1.sizes[Kind.REGIONAL])
    assert (plan(long, 100, of, Limits()).units, plan(short, 100, of, Limits()).units) == (300, 200)


def test_a_long_prompt_is_sized_by_the_weights_of_long_prompts() -> None:
    weights = TokenWeights(5, 0.1, 1.25, long_context=LongContext(1000, 2.0, 0.2, 2.5, 7.5))
    assert normalised_per_minute(1, 1000, 10, weights, 0.5, 0.2) == pytest.approx(300 + 50 + 250 + 50)
    assert normalised_per_minute(1, 2000, 10, weights, 0.5, 0.2) == pytest.approx(1200 + 200 + 1000 + 75)
