from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.pseudonyms import Pseudonyms, country_code

NUMBERS = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)


@pytest.mark.parametrize(
    ("number", "code"), [("+18005550126", "1"), ("+4989123456", "49"), ("+35312345678", "353"), ("+79161234567", "7")]
)
def test_the_country_is_told(number: str, code: str) -> None:
    assert country_code(number) == code


@given(NUMBERS, NUMBERS)
def test_a_number_has_one_name_and_another_with_another_key(one: str, other: str) -> None:
    names = Pseudonyms(b"k" * 32)
    assert names.of(one) == Pseudonyms(b"k" * 32).of(one)
    assert (names.of(one) == names.of(other)) == (one == other)
    assert names.of(one) != Pseudonyms(b"l" * 32).of(one)
    assert one not in names.of(one)


def test_whoever_withholds_the_number_has_no_name() -> None:
    assert Pseudonyms(b"k").of(None) == "anonymous"
