from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bounds import MAX_KEY_CHARACTERS, MAX_NODES, MAX_TEXT_CHARACTERS
from gateway.errors import BadMessage
from gateway.wire.strict_json import parse_json, table, text

finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | finite | st.text(st.characters(codec="utf-8"))
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=8), inner, max_size=4),
    max_leaves=20,
)


def kind_of(body: bytes) -> str:
    with pytest.raises(BadMessage) as refusal:
        parse_json(body)
    return refusal.value.kind


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_as_a_bad_message(body: bytes) -> None:
    with contextlib.suppress(BadMessage):
        json.loads(json.dumps(parse_json(body)))


@given(documents)
def test_what_is_parsed_is_what_the_standard_library_reads(document: Any) -> None:
    body = json.dumps(document).encode()

    assert parse_json(body, max_depth=40) == document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"\xef\xbb\xbf{}",
        rb'"\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    assert kind_of(body) == "json"


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}


def test_numbers_too_large_for_an_integer_never_become_a_huge_one() -> None:
    assert parse_json(b"9" * 300) == pytest.approx(1e300)


def test_depth_is_bounded() -> None:
    assert parse_json(b"[" * 16 + b"]" * 16) is not None
    assert kind_of(b"[" * 17 + b"1" + b"]" * 17) == "bounds"
    with pytest.raises(BadMessage, match="bounds"):
        parse_json(b'{"a":{"b":{"c":1}}}', max_depth=2)


def test_the_number_of_values_is_bounded() -> None:
    assert len(parse_json(json.dumps([0] * MAX_NODES).encode())) == MAX_NODES
    assert kind_of(json.dumps([0] * (MAX_NODES + 1)).encode()) == "bounds"
    assert kind_of(json.dumps([[0] * 100] * 100).encode()) == "bounds"


def test_texts_are_bounded_at_every_level() -> None:
    assert parse_json(json.dumps(["x" * MAX_TEXT_CHARACTERS]).encode())
    assert kind_of(json.dumps("x" * (MAX_TEXT_CHARACTERS + 1)).encode()) == "bounds"
    assert kind_of(json.dumps([{"a": {"b": "x" * (MAX_TEXT_CHARACTERS + 1)}}]).encode()) == "bounds"
    assert parse_json(b'"12345"', max_text=5) == "12345"


def test_keys_are_bounded_at_every_level() -> None:
    assert parse_json(json.dumps({"k" * MAX_KEY_CHARACTERS: 1}).encode())
    assert kind_of(json.dumps([{"a": {"k" * (MAX_KEY_CHARACTERS + 1): 1}}]).encode()) == "bounds"


@given(scalars)
def test_what_is_no_text_or_no_object_counts_as_an_empty_one(value: Any) -> None:
    assert text(value) == (value if isinstance(value, str) else "")
    assert table(value) == {}
    assert table({"a": value}) == {"a": value}
