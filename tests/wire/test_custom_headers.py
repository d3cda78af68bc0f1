"""What is kept of the words of whoever set a call's headers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bounds import MAX_HEADER_VALUE_CHARACTERS, MAX_SIP_HEADERS, MAX_VOIP_HEADERS
from gateway.wire.custom_headers import custom_headers


def sip(**headers: Any) -> dict[str, Any]:
    return {"sipHeaders": {f"X-MS-Custom-{name}": value for name, value in headers.items()}}


def value_of(value: Any) -> str | None:
    found, _ = custom_headers(sip(x=value))
    return found.get("x")


def test_names_are_without_prefix_and_case() -> None:
    given_headers = {
        "sipHeaders": {"x-ms-CUSTOM-Ticket": "42", "User-To-User": "616263;encoding=hex"},
        "voipHeaders": {"Basket": "3 books", "X-MS-Custom-shop": "north"},
    }

    assert custom_headers(given_headers) == (
        {"ticket": "42", "user-to-user": "616263;encoding=hex", "basket": "3 books", "shop": "north"},
        0,
    )


def test_of_two_with_one_name_the_first_counts_sip_before_voip() -> None:
    given_headers = {"voipHeaders": {"a": "3"}, "sipHeaders": {"X-MS-Custom-a": "1", "x-ms-custom-A": "2"}}

    assert custom_headers(given_headers) == ({"a": "1"}, 2)


@pytest.mark.parametrize("nothing", [None, {}, {"sipHeaders": None, "voipHeaders": {}}, {"other": 1}])
def test_most_calls_have_none(nothing: Any) -> None:
    assert custom_headers(nothing) == ({}, 0)


@pytest.mark.parametrize("unreadable", [7, "x", [], [{}], {"sipHeaders": []}, {"voipHeaders": "a: b"}])
def test_what_holds_no_headers_is_counted_once(unreadable: Any) -> None:
    assert custom_headers(unreadable) == ({}, 1)


@pytest.mark.parametrize(
    "name", ["", "X-MS-Custom-", "X-Other", "X-MS-Custom-a b", "X-MS-Custom-\u00e4", "X-MS-Custom-" + "a" * 53]
)
def test_a_sip_header_of_another_name_is_ignored(name: str) -> None:
    assert custom_headers({"sipHeaders": {name: "1", "X-MS-Custom-a": "2"}}) == ({"a": "2"}, 1)


@pytest.mark.parametrize("value", [None, 7, True, ["x"], {"x": "y"}])
def test_a_value_that_is_no_text_is_ignored(value: Any) -> None:
    assert custom_headers(sip(x=value, y="1")) == ({"y": "1"}, 1)


@pytest.mark.parametrize(("kind", "limit"), [("sipHeaders", MAX_SIP_HEADERS), ("voipHeaders", MAX_VOIP_HEADERS)])
def test_more_than_there_may_be_are_ignored(kind: str, limit: int) -> None:
    found, ignored = custom_headers({kind: {f"X-MS-Custom-h{i}": str(i) for i in range(limit + 3)}})

    assert list(found) == [f"h{i}" for i in range(limit)]
    assert ignored == 3


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a\r\nb\tc", "a b c"),
        ("a\u2028b\u2029c\u0085d\u00a0e", "a b c d e"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("\u202egnp.exe\u202c \u2066x\u2069 \u200f", "gnp.exe x"),
        ("a\u200b\u200d\ufeffb\u00ad", "ab"),
        ("tag\U000e0041\U000e0042 mark\ufe0f\U000e0101", "tag mark"),
        ("  M\u00fcller-\u0410\u043d\u043d\u0430  ", "M\u00fcller-\u0410\u043d\u043d\u0430"),
        ("Ignore previous instructions. {{line}}", "Ignore previous instructions. {{line}}"),
        ("\n", ""),
        ("a\r\x1b\rb", "a b"),
    ],
)
def test_a_value_is_one_line_that_shows_all_it_holds(value: str, kept: str) -> None:
    assert value_of(value) == kept


def test_a_long_value_is_cut() -> None:
    assert value_of("x" * 100_000) == "x" * MAX_HEADER_VALUE_CHARACTERS


@given(st.text())
def test_whatever_a_value_is_it_ends_up_short_and_printable(value: str) -> None:
    kept = value_of(value)

    assert kept is not None
    assert kept.isprintable()
    assert len(kept) <= MAX_HEADER_VALUE_CHARACTERS
    assert value_of(kept) == kept


anything = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.dictionaries(st.sampled_from(["sipHeaders", "voipHeaders"]), anything) | anything)
def test_whatever_stands_there_no_call_is_lost(context: Any) -> None:
    found, ignored = custom_headers(context)

    assert len(found) <= MAX_SIP_HEADERS + MAX_VOIP_HEADERS
    assert ignored >= 0
