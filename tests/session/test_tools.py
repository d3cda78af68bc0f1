from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.session.effects import ToolOutput
from gateway.session.events import FunctionCall
from gateway.session.settings import ToolSettings
from gateway.session.tools import (
    EMERGENCY,
    MAX_ARGUMENT_BYTES,
    MAX_CALLS,
    MAX_CALLS_A_MINUTE,
    MAX_COLLECTED,
    MAX_PURPOSE,
    MAX_SUMMARY,
    MINUTE_S,
    CollectDigits,
    EndCall,
    HoldLine,
    ReportEmergency,
    SendTones,
    Tools,
    TransferCall,
    plain,
)

ALL = frozenset({"end_call", "transfer_call", "send_digits", "collect_digits", "hold_line"})
SETTINGS = ToolSettings(names=ALL, destinations=("operator", "billing"))


def call(name: str, arguments: Any = "{}", call_id: str = "c1", response_id: str = "r1") -> FunctionCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return FunctionCall(response_id, f"item-{call_id}", call_id, name, text)


def outputs(tools: Tools, *, spoke: bool = True) -> tuple[list[Any], bool]:
    """What is told now, as values, and whether the model is to go on."""
    numbers = count()
    told, go_on = tools.take_outputs(lambda: f"output-{next(numbers)}", lambda _response: spoke)
    return [json.loads(output.output) for output in told], go_on


def refusal(name: str, arguments: Any) -> str:
    tools = Tools(SETTINGS)
    assert tools.take(call(name, arguments), 0.0) is None
    assert tools.was_refused("c1")
    tools.response_done("r1")
    (output,), go_on = outputs(tools)
    assert output["status"] == "refused"
    assert go_on, "the caller waits for an answer"
    return str(output["reason"])


# --- judging --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (call("end_call"), EndCall("c1", "r1")),
        (call("end_call", ""), EndCall("c1", "r1")),
        (
            call("transfer_call", {"destination": "billing", "summary": "An invoice."}),
            TransferCall("c1", "r1", "billing", "An invoice."),
        ),
        (call("transfer_call", {"destination": "billing"}), TransferCall("c1", "r1", "billing", "")),
        (call("send_digits", {"digits": "12#*"}), SendTones("c1", "12#*")),
        (call("collect_digits", {"count": 4, "purpose": "PIN"}), CollectDigits("c1", 4, "", "PIN")),
        (call("collect_digits", {"count": 4.0, "terminator": "#"}), CollectDigits("c1", 4, "#", "")),
        (call("collect_digits", {"count": None, "terminator": None}), CollectDigits("c1", 1, "", "")),
        (call("hold_line"), HoldLine("c1", 60.0)),
        (call("hold_line", {"seconds": 5}), HoldLine("c1", 5.0)),
    ],
)
def test_what_is_asked_for_as_it_should_be_is_done(asked: FunctionCall, wanted: Any) -> None:
    tools = Tools(SETTINGS)
    assert tools.take(asked, 0.0) == wanted
    assert not tools.was_refused("c1")


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "null",
        "[]",
        '"operator"',
        "5",
        "{",
        '{"destination":}',
        "\ufeff{}",
        '{"digits":"1",}',
        "// a comment\n{}",
        '{"seconds":NaN}',
        '{"seconds":1e999}',
        '{"digits":"\ud800"}',
        "[" * 8000,
        '{"a":' * 1500,
        '{"digits":"' + "1" * MAX_ARGUMENT_BYTES + '"}',
    ],
)
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    if arguments == "":
        assert "digits" in refusal("send_digits", arguments)  # an empty object, in which they are missing
    else:
        assert "arguments" in refusal("send_digits", arguments)


@pytest.mark.parametrize(
    "digits", ["", "1" * 19, "1 2", "12a", "A", "+49", "\uff11\uff12", "\u0663", "1\n", None, 12, ["1"]]
)
def test_only_keys_are_sent(digits: Any) -> None:
    assert "digits must be 1 to 18" in refusal("send_digits", {"digits": digits})


@pytest.mark.parametrize("number", [0, -1, MAX_COLLECTED + 1, 10**400, True, "4", [4], {"count": 4}])
def test_a_number_out_of_its_bounds_is_refused(number: Any) -> None:
    assert "count must be a number from 1 to 32" in refusal("collect_digits", {"count": number})


def test_half_a_digit_is_refused() -> None:
    assert "count must be a whole number" in refusal("collect_digits", {"count": 2.5})


@pytest.mark.parametrize("terminator", ["##", "a", " ", "\uff11", 0, True, [], ["#"], {}, {"key": "#"}])
def test_a_terminator_is_one_key(terminator: Any) -> None:
    assert "terminator must be one key" in refusal("collect_digits", {"count": 4, "terminator": terminator})


def test_a_tool_the_line_does_not_have_is_refused_with_those_it_has() -> None:
    tools = Tools(ToolSettings(names=frozenset({"end_call", "hold_line"})))
    for number, name in enumerate(("transfer_call", "", "END_CALL", "end_call ", EMERGENCY, "__class__")):
        assert tools.take(call(name, call_id=f"c{number}"), 100.0 * number) is None
        assert tools.name_of(f"c{number}") == "unknown", "no name of a stranger in a log"
    tools.response_done("r1")
    told, _ = outputs(tools)
    assert {output["reason"] for output in told} == {"there is no such tool; there are: end_call, hold_line"}


def test_an_emergency_can_be_reported_where_the_line_deals_with_one() -> None:
    tools = Tools(ToolSettings(), has_emergency=True)
    assert tools.take(call(EMERGENCY), 0.0) == ReportEmergency("c1")
    assert tools.name_of("c1") == EMERGENCY


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_a_model_that_calls_in_a_loop_is_slowed_down_and_goes_on_later() -> None:
    tools = Tools(SETTINGS)
    for number in range(MAX_CALLS_A_MINUTE):
        assert tools.take(call("hold_line", call_id=f"c{number}"), float(number)) is not None
    assert tools.take(call("hold_line", call_id="over"), MINUTE_S - 0.1) is None
    assert tools.take(call("hold_line", call_id="later"), MINUTE_S + 0.1) is not None


def test_no_call_executes_more_than_its_share() -> None:
    tools = Tools(SETTINGS)
    done = [tools.take(call("hold_line", call_id=f"c{number}"), 100.0 * number) for number in range(2 * MAX_CALLS)]
    assert [asked is not None for asked in done] == [True] * MAX_CALLS + [False] * MAX_CALLS


# --- answering ------------------------------------------------------------------------------------------------------


def test_a_call_is_executed_once_however_often_it_comes() -> None:
    tools = Tools(SETTINGS)
    assert tools.take(call("end_call"), 0.0) is not None
    assert tools.take(call("end_call"), 0.0) is None
    assert tools.take(call("transfer_call", {"destination": "operator"}), 0.0) is None, "one id, one call"
    tools.answer("c1", {"status": "done"})
    tools.refuse("c1", "too late to refuse it")
    tools.response_done("r1")
    assert outputs(tools) == ([{"status": "done"}], True)
    assert tools.take(call("end_call"), 0.0) is None
    tools.response_done("r1")
    assert outputs(tools) == ([], False)


def test_nothing_is_told_before_the_response_is_over() -> None:
    tools = Tools(SETTINGS)
    tools.take(call("end_call"), 0.0)
    tools.answer("c1", {})
    assert outputs(tools) == ([], False)
    tools.response_done("another")
    assert outputs(tools) == ([], False)
    tools.response_done("r1")
    assert outputs(tools) == ([{}], True)


@pytest.mark.parametrize("response_id", ["r1", ""])
def test_a_call_that_comes_after_its_response_is_answered_all_the_same(response_id: str) -> None:
    """Or comes without saying of which it is: nothing may be waited for then."""
    tools = Tools(SETTINGS)
    tools.response_done("r1")
    tools.take(call("end_call", response_id=response_id), 0.0)
    tools.answer("c1", {})
    assert outputs(tools) == ([{}], True)
    assert outputs(tools) == ([], False)


def test_the_model_goes_on_when_the_last_call_of_a_response_is_told() -> None:
    tools = Tools(SETTINGS)
    for call_id in ("slow", "quick"):
        tools.take(call("send_digits", {"digits": "1"}, call_id), 0.0)
    tools.response_done("r1")
    tools.answer("quick", {"status": "quick"})
    assert outputs(tools) == ([{"status": "quick"}], False)
    tools.answer("slow", {"status": "slow"})
    assert outputs(tools) == ([{"status": "slow"}], True)


@pytest.mark.parametrize(
    ("follow_up", "spoke", "goes_on"),
    [
        (True, True, True),
        (True, False, True),
        (False, True, False),
        (False, False, False),
        (None, True, False),
        (None, False, True),
    ],
)
def test_who_goes_on_after_an_output(follow_up: bool | None, spoke: bool, goes_on: bool) -> None:
    tools = Tools(SETTINGS)
    tools.take(call("hold_line"), 0.0)
    tools.answer("c1", {}, follow_up=follow_up)
    tools.response_done("r1")
    assert outputs(tools, spoke=spoke) == ([{}], goes_on)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["call", "answer", "done", "take"]),
        st.sampled_from(["c1", "c2", "c3", "c4"]),
        st.sampled_from(["r1", "r2", ""]),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_the_order_every_call_is_answered_once_and_done_at_most_once(
    steps: list[tuple[str, str, str]],
) -> None:
    tools, numbers = Tools(SETTINGS), count()
    executed: list[str] = []
    known: dict[str, str] = {}
    told: list[ToolOutput] = []

    def take() -> None:
        new, _ = tools.take_outputs(lambda: f"output-{next(numbers)}", lambda _response: False)
        told.extend(new)

    for step, call_id, response_id in steps:
        if step == "call":
            known.setdefault(call_id, response_id)
            asked = tools.take(call("send_digits", {"digits": "1"}, call_id, known[call_id]), 0.0)
            if asked is not None:
                executed.append(call_id)
        elif step == "answer" and call_id in known:
            tools.answer(call_id, {"of": call_id})
        elif step == "done":
            tools.response_done(response_id)
        take()
    for call_id in known:
        tools.answer(call_id, {"of": call_id})
    for response_id in ("r1", "r2"):
        tools.response_done(response_id)
    take()
    take()
    assert sorted(executed) == sorted(known)
    assert sorted(output.call_id for output in told) == sorted(known)
    assert len({output.event_id for output in told}) == len(told)


# --- words of the model ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "invisible",
    [
        "\n", "\r\n", "\t", "\0", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b",
        "\u200d", "\ufeff", "\u061c", "\u00ad", "\u2060", "\u2064", "\u180e", "\ufff9", "\ue000", "\ufe0f",
        "\U000e0041", "\U000e0100", "\u034f", "\u3164", "\u115f",
    ],
)  # fmt: skip
def test_text_of_the_model_is_one_line_of_what_can_be_seen(invisible: str) -> None:
    text = plain(f"before{invisible}after", MAX_SUMMARY)
    assert text.startswith("before")
    assert text.endswith("after")
    assert not set(invisible) - set("[31m") & set(text)


@pytest.mark.parametrize("value", [None, 5, True, ["x"], {"text": "x"}, 1.5])
def test_what_is_no_text_says_nothing(value: Any) -> None:
    assert plain(value, MAX_SUMMARY) == ""


def test_the_languages_of_callers_stay_readable() -> None:
    for text in ("Über 5 €, „bitte“", "Ελληνικά", "日本語です", "देवनागरी", "عربي", "emoji 😀"):
        assert plain(text, MAX_SUMMARY) == text


@given(st.text(max_size=700), st.integers(1, MAX_PURPOSE))
def test_any_text_becomes_a_short_line(text: str, longest: int) -> None:
    line = plain(text, longest)
    assert len(line) <= longest
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
