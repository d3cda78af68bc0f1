"""Money, against sums made by hand and the one comparison that is published."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.cost import HOURS_A_MONTH, TokenPrices, UnitPrice, break_even
from gateway.capacity.ptu import TokenWeights, normalised_tokens
from gateway.capacity.ptu_table import ptu_table
from gateway.capacity.sizing import CallProfile
from gateway.profile import Profile
from gateway.session.events import Usage

TEXT = TokenPrices("EUR", input=2.0, output=8.0, cached_input=0.5, cache_write=2.5)
SPOKEN = TokenPrices(
    "USD",
    input=4.0,
    output=16.0,
    cached_input=0.4,
    cache_write=4.0,
    audio_input=32.0,
    cached_audio=0.4,
    audio_output=64.0,
)
counts = st.integers(0, 100_000)
usages = st.builds(
    Usage,
    input_text=counts,
    input_audio=counts,
    cached_text=counts,
    cached_audio=counts,
    cached_total=counts,
    cache_write=counts,
    output_text=counts,
    output_audio=counts,
    output_reasoning=counts,
)


def test_a_response_is_paid_for_by_the_million() -> None:
    usage = Usage(input_text=1500, cached_text=900, cache_write=100, output_text=50, output_reasoning=10)
    assert TEXT.of(usage, Profile.CHAT_COMPLETION) == pytest.approx((500 * 2 + 900 * 0.5 + 100 * 2.5 + 60 * 8) / 1e6)


def test_audio_of_a_cascade_is_free_unless_it_has_a_price() -> None:
    usage = Usage(input_text=17, input_audio=29, output_text=8, output_audio=57)
    assert TEXT.of(usage, Profile.CHAT_COMPLETION) == pytest.approx((17 * 2 + 8 * 8) / 1e6)
    assert SPOKEN.of(usage, Profile.CHAT_COMPLETION) == pytest.approx((17 * 4 + 29 * 32 + 8 * 16 + 57 * 64) / 1e6)


def test_a_realtime_model_is_paid_for_what_it_hears_and_speaks() -> None:
    usage = Usage(input_text=10, input_audio=100, cached_audio=40, output_text=5, output_audio=50)
    expected = 10 * 4 + 60 * 32 + 40 * 0.4 + 5 * 16 + 50 * 64
    assert SPOKEN.of(usage, Profile.REALTIME) == pytest.approx(expected / 1e6)


@given(usage=usages, profile=st.sampled_from(Profile))
def test_nothing_costs_less_than_nothing_or_is_paid_for_twice(usage: Usage, profile: Profile) -> None:
    most = 64.0 * (
        usage.input_text + usage.input_audio + usage.output_text + usage.output_audio + usage.output_reasoning
    )
    assert 0 <= SPOKEN.of(usage, profile) <= most / 1e6 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("model", "price", "millions", "by_unit"), [("gpt-6-astra", 10.0, 25.92, 10.03), ("gpt-6-sol", 2.0, 129.6, 2.01)]
)
def test_the_published_comparison_comes_out(model: str, price: float, millions: float, by_unit: float) -> None:
    """ "Determine PTU sizing for a workload" (2026-09-23), "PTU and pay-as-you-go comparison": a unit of $260 a month,
    full for 30 days, against $259.20 by tokens; a million normalised tokens about $10.03 and $2.01."""
    row = ptu_table().models[model]
    prices = TokenPrices("USD", price, 5 * price, 0.1 * price, 1.25 * price)
    weights = TokenWeights(5.0, row.cached_input, row.cache_write)
    assert prices.of_text(millions * 1e6, 0, 0, 0) == pytest.approx(259.20)
    assert round(UnitPrice("USD", 260 / 720).of(1, hours=720) / millions, 2) == by_unit
    mixed = Usage(input_text=1000, cached_text=600, cache_write=200, output_text=100)
    normalised = normalised_tokens(mixed, weights, Profile.CHAT_COMPLETION)
    assert prices.of(mixed, Profile.CHAT_COMPLETION) == pytest.approx(normalised * price / 1e6)


def test_a_part_of_an_hour_is_paid_in_part() -> None:
    """ "Provisioned throughput billing" (2026-05-22): 300 units are 300 times the hourly rate, 15 minutes a quarter."""
    assert UnitPrice("USD", 1.0).of(300, hours=1) == 300
    assert UnitPrice("USD", 1.0).of(300, hours=0.25) == 75
    assert HOURS_A_MONTH * 12 == 365 * 24


def test_units_and_tokens_break_even_where_they_cost_the_same() -> None:
    call = CallProfile(4, 1500, 60, cached=0.6)
    minute = call.price_per_minute(TEXT)
    assert minute == pytest.approx(4 * (600 * 2 + 900 * 0.5 + 60 * 8) / 1e6)
    minutes = break_even(36_500.0, minute)
    assert minutes is not None
    assert minutes * minute == pytest.approx(36_500.0)
    assert break_even(36_500.0, 0.0) is None
