from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.session.keypad import Collected, Ending, Keypad
from gateway.session.settings import Shortcut, ToolSettings
from gateway.session.tools import MAX_COLLECTED, CollectDigits

SETTINGS = ToolSettings(names=frozenset({"collect_digits"}), first_digit_s=10.0, next_digit_s=4.0, type_ahead_s=3.0)
OPERATOR = Shortcut("transfer", to="operator")
PIN = CollectDigits("c1", 4, "#", "PIN")


def typed(keypad: Keypad, keys: str, now: float = 0.0) -> Collected | None:
    """The last thing that came of these keys."""
    result = None
    for key in keys:
        pressed = keypad.press(key, now)
        assert not isinstance(pressed, Shortcut)
        result = pressed
    return result


def collecting(asked: CollectDigits = PIN, settings: ToolSettings = SETTINGS) -> Keypad:
    keypad = Keypad(settings, {"0": OPERATOR})
    assert keypad.collect(asked, 0.0) is None
    return keypad


def test_a_key_is_a_shortcut_until_digits_are_collected() -> None:
    keypad = Keypad(SETTINGS, {"0": OPERATOR})
    assert keypad.press("0", 0.0) == OPERATOR
    assert keypad.press("1", 0.0) is None
    keypad = collecting()
    assert keypad.press("0", 0.0) is None, "a PIN may hold it"
    assert typed(keypad, "123") == Collected(PIN, Ending.COMPLETE, "0123")
    assert keypad.press("0", 1.0) == OPERATOR


@pytest.mark.parametrize(
    ("asked", "keys", "digits"),
    [
        (PIN, "12#", "12"),
        (PIN, "1*34", "1*34"),
        (CollectDigits("c1", 1, "", ""), "#", "#"),
        (CollectDigits("c1", MAX_COLLECTED, "*", ""), "1" * MAX_COLLECTED, "1" * MAX_COLLECTED),
    ],
)
def test_input_ends_with_its_last_digit_or_its_terminator(asked: CollectDigits, keys: str, digits: str) -> None:
    keypad = collecting(asked)
    assert typed(keypad, keys) == Collected(asked, Ending.COMPLETE, digits)
    assert not keypad.collecting


def test_a_terminator_alone_is_no_input() -> None:
    assert typed(collecting(), "#") == Collected(PIN, Ending.NONE, "")


def test_the_first_digit_may_take_longer_than_the_next() -> None:
    keypad = collecting()
    assert keypad.on_tick(9.9, agent_speaks=False) is None
    assert keypad.on_tick(10.0, agent_speaks=False) == Collected(PIN, Ending.NONE, "")
    keypad = collecting()
    keypad.press("1", 9.0)
    keypad.press("2", 12.9)
    assert keypad.on_tick(16.8, agent_speaks=False) is None
    assert keypad.on_tick(16.9, agent_speaks=False) == Collected(PIN, Ending.PAUSE, "12")


def test_nobody_has_to_type_before_the_question_is_over() -> None:
    keypad = collecting()
    for second in range(20):
        assert keypad.on_tick(float(second), agent_speaks=True) is None
    assert keypad.on_tick(28.9, agent_speaks=False) is None
    assert keypad.on_tick(29.0, agent_speaks=False) is not None


def test_once_the_caller_types_the_agents_voice_gives_no_time() -> None:
    keypad = collecting()
    keypad.press("1", 1.0)
    assert keypad.on_tick(5.0, agent_speaks=True) == Collected(PIN, Ending.PAUSE, "1")


def test_keys_pressed_a_moment_ago_count_and_older_ones_do_not() -> None:
    keypad = Keypad(SETTINGS, {})
    typed(keypad, "99", 0.0)
    typed(keypad, "12", 2.0)
    assert keypad.has_early(4.5)
    assert keypad.collect(PIN, 4.5) is None
    assert typed(keypad, "34", 5.0) == Collected(PIN, Ending.COMPLETE, "1234")
    assert not keypad.has_early(5.0)


def test_early_keys_may_be_all_there_is_to_type() -> None:
    keypad = Keypad(SETTINGS, {})
    typed(keypad, "12345", 0.0)
    assert keypad.collect(PIN, 1.0) == Collected(PIN, Ending.COMPLETE, "1234")
    assert not keypad.collecting
    assert not keypad.has_early(1.0)


def test_nothing_is_kept_where_nobody_may_ask_for_digits() -> None:
    keypad = Keypad(ToolSettings(), {})
    typed(keypad, "1234")
    assert not keypad.has_early(0.0)


def test_only_the_newest_of_many_early_keys_are_kept() -> None:
    keypad = Keypad(SETTINGS, {})
    typed(keypad, "1" * 1000 + "2" * MAX_COLLECTED)
    assert keypad.collect(CollectDigits("c1", MAX_COLLECTED, "", ""), 0.0) == Collected(
        CollectDigits("c1", MAX_COLLECTED, "", ""), Ending.COMPLETE, "2" * MAX_COLLECTED
    )


def test_who_does_not_want_them_any_more_forgets_them() -> None:
    keypad = collecting()
    typed(keypad, "12")
    assert keypad.cancel() == PIN
    assert keypad.cancel() is None
    assert keypad.on_tick(100.0, agent_speaks=False) is None
    assert keypad.collect(PIN, 100.0) is None
    assert keypad.on_tick(110.0, agent_speaks=False) == Collected(PIN, Ending.NONE, "")


@pytest.mark.parametrize(("secure", "secret"), [(True, True), (False, False)])
def test_only_while_secure_digits_are_collected_is_anything_secret(secure: bool, secret: bool) -> None:
    keypad = Keypad(ToolSettings(names=SETTINGS.names, digits_secure=secure), {})
    assert not keypad.secret
    keypad.collect(PIN, 0.0)
    assert keypad.secret is secret
    typed(keypad, "1234")
    assert not keypad.secret


@given(st.lists(st.tuples(st.sampled_from("123456789*#T"), st.floats(0.0, 6.0)), max_size=50), st.integers(1, 6))
def test_input_always_ends_and_no_digit_shows(steps: list[tuple[str, float]], wanted: int) -> None:
    asked = CollectDigits("call", wanted, "#", "the code")
    keypad = collecting(asked)
    now = 0.0
    ends: list[Collected] = []
    for key, passed_s in steps:
        now += passed_s
        was_collecting = keypad.collecting
        end = keypad.on_tick(now, agent_speaks=False) if key == "T" else keypad.press(key, now)
        if end is not None:
            assert was_collecting
            assert isinstance(end, Collected)
            ends.append(end)
        assert not set("123456789*") & set(repr(keypad))
    last = keypad.on_tick(now + 10.0, agent_speaks=False)
    if last is not None:
        ends.append(last)
    assert len(ends) == 1
    assert len(ends[0].digits) <= wanted
    assert "#" not in ends[0].digits
    assert "digits=" not in repr(ends[0])
