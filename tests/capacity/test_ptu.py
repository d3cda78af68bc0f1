"""Provisioned throughput, checked against the example its publisher gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.ptu import TokenWeights, normalised_tokens
from gateway.capacity.ptu_table import Kind, Sizes, ptu_table
from gateway.profile import Profile
from gateway.session.events import Usage

COUNTS = st.integers(0, 100_000)
USAGES = st.builds(
    Usage,
    input_text=COUNTS,
    input_audio=COUNTS,
    input_image=COUNTS,
    cached_text=COUNTS,
    cached_audio=COUNTS,
    cached_total=COUNTS,
    cache_write=COUNTS,
    output_text=COUNTS,
    output_audio=COUNTS,
    output_reasoning=COUNTS,
)


def weights_of(model_name: str) -> TokenWeights:
    model = ptu_table().models[model_name]
    assert model.output is not None
    return TokenWeights(model.output, model.cached_input, model.cache_write)


@pytest.mark.parametrize(
    ("cached", "tokens_per_minute", "exact_units", "units_bought"),
    [(0, 360_000, 105.88, 110), (100, 260_000, 76.47, 80)],
)
def test_the_published_example_comes_out(
    cached: int, tokens_per_minute: int, exact_units: float, units_bought: int
) -> None:
    """gpt-5.2, 1,000 requests a minute of 200 input and 20 output tokens, without and with half of the input cached."""
    model = ptu_table().models["gpt-5.2"]
    usage = Usage(input_text=200, cached_text=cached, cached_total=cached, output_text=20)
    minute = 1000 * normalised_tokens(usage, weights_of("gpt-5.2"), Profile.CHAT_COMPLETION)

    assert minute == tokens_per_minute
    assert round(minute / model.tpm_per_ptu, 2) == exact_units
    assert model.sizes[Kind.GLOBAL].units_for(minute / model.tpm_per_ptu) == units_bought


def test_newer_models_weigh_cached_and_written_tokens_by_price() -> None:
    usage = Usage(input_text=1000, cached_text=600, cached_total=600, cache_write=200, output_text=10)

    assert normalised_tokens(usage, weights_of("gpt-6-sol"), Profile.CHAT_COMPLETION) == pytest.approx(
        200 * 1 + 600 * 0.1 + 200 * 1.25 + 10 * 5
    )


def test_a_cascade_counts_text_only() -> None:
    """The recorded response of a managed cascade: its audio tokens are units of speech services."""
    usage = Usage(input_text=17, input_audio=29, output_text=8, output_audio=57)

    assert normalised_tokens(usage, weights_of("gpt-4.1"), Profile.CHAT_COMPLETION) == 17 + 4 * 8


def test_a_realtime_model_hears_and_speaks_the_audio_too() -> None:
    usage = Usage(input_text=10, input_audio=100, cached_audio=40, output_text=5, output_audio=50)
    weights = TokenWeights(output=4, audio_input=2, audio_output=8, cached_input=0.5)

    assert normalised_tokens(usage, weights, Profile.REALTIME) == 10 + 2 * 60 + 0.5 * 40 + 4 * 5 + 8 * 50


def test_audio_output_weighs_like_text_output_unless_set() -> None:
    assert normalised_tokens(Usage(output_audio=10), TokenWeights(output=4), Profile.REALTIME) == 40


def test_the_cached_total_counts_where_the_split_is_missing() -> None:
    usage = Usage(input_text=149, cached_total=128)

    assert normalised_tokens(usage, weights_of("gpt-4.1"), Profile.CHAT_COMPLETION) == 21


def test_reasoning_is_output() -> None:
    usage = Usage(output_text=1, output_reasoning=9)

    assert normalised_tokens(usage, weights_of("gpt-5"), Profile.CHAT_COMPLETION) == 80


@given(usage=USAGES, profile=st.sampled_from(Profile))
def test_no_usage_costs_less_than_nothing(usage: Usage, profile: Profile) -> None:
    assert normalised_tokens(usage, TokenWeights(output=4), profile) >= 0


@given(usage=USAGES)
def test_caching_never_makes_a_response_dearer(usage: Usage) -> None:
    uncached = Usage(
        input_text=usage.input_text, output_text=usage.output_text, output_reasoning=usage.output_reasoning
    )

    assert normalised_tokens(usage, TokenWeights(output=4), Profile.CHAT_COMPLETION) <= normalised_tokens(
        uncached, TokenWeights(output=4), Profile.CHAT_COMPLETION
    )


@pytest.mark.parametrize(("units", "bought"), [(0.1, 15), (15, 15), (15.01, 20), (105.88, 110), (110, 110)])
def test_units_are_bought_in_steps(units: float, bought: int) -> None:
    assert Sizes(minimum=15, step=5).units_for(units) == bought


def test_every_row_of_the_table_is_usable() -> None:
    table = ptu_table()

    assert table.date == "2026-09-23"
    assert len(table.models) > 30
    for model in table.models.values():
        assert model.tpm_per_ptu > 0
        assert model.output is None or model.output >= 1
        assert model.sizes
        assert all(size.units_for(1) == size.minimum for size in model.sizes.values())
