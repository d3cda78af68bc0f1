from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.session.handover import (
    LONGEST_S,
    MAX_ATTEMPTS,
    NEWS_AGAIN_S,
    NEWS_S,
    SENTENCE_S,
    Handover,
    Move,
    Stage,
    Wish,
)

WISH = Wish("operator", "An invoice.", "r1")


def asked() -> Handover:
    handover = Handover()
    handover.begin(WISH, 0.0)
    assert handover.on_tick(1.0, quiet=True) is Move.TRANSFER
    return handover


def test_the_network_is_asked_when_the_sentence_has_been_heard() -> None:
    handover = Handover()
    handover.begin(WISH, 0.0)
    assert handover.on_tick(3.0, quiet=False) is None
    assert handover.stage is Stage.SPEAKING
    assert handover.on_tick(4.0, quiet=True) is Move.TRANSFER
    assert handover.ringing
    assert handover.on_tick(4.1, quiet=True) is None, "once"


def test_a_sentence_that_never_ends_keeps_nobody_from_a_person() -> None:
    handover = Handover()
    handover.begin(WISH, 10.0)
    assert handover.on_tick(10.0 + SENTENCE_S - 0.1, quiet=False) is None
    assert handover.on_tick(10.0 + SENTENCE_S, quiet=False) is Move.TRANSFER


def test_the_caller_may_object_until_the_phone_rings() -> None:
    handover = Handover()
    handover.begin(WISH, 0.0)
    assert handover.withdraw() == WISH
    assert handover.on_tick(20.0, quiet=True) is None
    assert handover.attempts == 0
    assert asked().withdraw() is None


def test_what_no_caller_wished_no_caller_withdraws() -> None:
    handover = Handover()
    handover.begin(Wish("operator", "", may_be_withdrawn=False), 0.0)
    assert handover.withdraw() is None
    assert handover.on_tick(1.0, quiet=True) is Move.TRANSFER


def test_a_failure_gives_the_wish_back_and_allows_one_more_attempt() -> None:
    handover = asked()
    assert handover.failed() == WISH
    assert handover.failed() is None, "old news"
    assert handover.possible
    handover.begin(WISH, 20.0)
    assert handover.on_tick(21.0, quiet=True) is Move.TRANSFER
    assert handover.failed() == WISH
    assert not handover.possible


def test_success_is_final() -> None:
    handover = asked()
    assert handover.accepted()
    assert not handover.accepted()
    assert handover.failed() is None
    assert not handover.possible
    assert handover.on_tick(1000.0, quiet=True) is None


def test_news_of_a_transfer_nobody_asked_for_mean_nothing() -> None:
    handover = Handover()
    assert not handover.accepted()
    assert handover.failed() is None
    handover.begin(WISH, 0.0)
    assert not handover.accepted()
    assert handover.stage is Stage.SPEAKING


def test_late_news_of_the_first_attempt_say_nothing_of_the_second() -> None:
    handover = asked()
    assert handover.failed(1) is not None
    handover.begin(WISH, 10.0)
    assert handover.on_tick(11.0, quiet=True) is Move.TRANSFER
    assert handover.failed(1) is None
    assert not handover.accepted(1)
    assert handover.ringing
    assert handover.accepted(2)


def test_a_silent_network_is_asked_again_and_again_and_given_up_at_last() -> None:
    handover = asked()
    moves = [(at, handover.on_tick(float(at), quiet=True)) for at in range(2, 200)]
    happened = [(at, move) for at, move in moves if move is not None]
    rang_at = 1
    expected = [rang_at + int(NEWS_S + number * NEWS_AGAIN_S) for number in range(6)]
    assert happened[:6] == [(at, Move.ASK_FOR_NEWS) for at in expected]
    assert happened[6] == (rang_at + int(LONGEST_S), Move.GIVE_UP)


def test_its_text_form_says_nothing_of_the_caller() -> None:
    assert repr(asked()) == "<Handover asked attempts=1>"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["begin", "tick", "withdraw", "accepted", "failed"]),
            st.floats(0.0, 30.0),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_at_most_one_success_and_two_attempts_and_never_into_a_sentence(steps: list[tuple[str, float, bool]]) -> None:
    handover, now, began_at = Handover(), 0.0, 0.0
    transfers = successes = failures = 0
    for step, passed_s, flag in steps:
        now += passed_s
        match step:
            case "begin":
                if handover.possible:
                    began_at = now
                    handover.begin(Wish("operator", "", may_be_withdrawn=flag), now)
            case "tick":
                if handover.on_tick(now, quiet=flag) is Move.TRANSFER:
                    transfers += 1
                    assert flag or now - began_at >= SENTENCE_S
            case "withdraw":
                handover.withdraw()
            case "accepted":
                successes += handover.accepted()
            case _:
                failures += handover.failed() is not None
        assert transfers <= MAX_ATTEMPTS
        assert successes <= 1
        assert successes + failures <= transfers
        assert handover.ringing == (successes + failures < transfers)


@pytest.mark.parametrize("quiet", [True, False])
def test_nothing_rings_for_ever(quiet: bool) -> None:
    handover = Handover()
    handover.begin(WISH, 0.0)
    for tick in range(10 * int(SENTENCE_S + LONGEST_S) + 20):
        if handover.on_tick(tick / 10, quiet=quiet) is Move.GIVE_UP:
            return
    pytest.fail("it still rings")
