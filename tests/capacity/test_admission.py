"""Who is let in, at invented times."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.admission import Admission, Deployment, ProcessLimits, Refusal, Vitals
from gateway.capacity.backoff import Backoff
from gateway.capacity.correction import Reading
from gateway.capacity.demand import Expected
from gateway.capacity.dials import Dials
from gateway.capacity.ledger import Ledger
from gateway.capacity.ptu import PtuBudget, TokenWeights
from gateway.profile import Profile
from gateway.session.events import Usage

LIMITS = ProcessLimits(calls=80, memory=0.85, loop_lag_s=0.04)


def ledger(units: int = 50) -> Ledger:
    budget = PtuBudget(units=units, tpm_per_ptu=3000, weights=TokenWeights(output=4))
    return Ledger(budget, Profile.CHAT_COMPLETION, Expected(), 0.8, 0.0)


def admission(*, per_minute: int = 1000, limits: ProcessLimits = LIMITS, units: int = 50) -> Admission:
    dials = Dials(per_minute)
    return Admission(
        limits,
        {"ptu": Deployment(dials, ledger(units), Backoff()), "payg": Deployment(dials, None, Backoff())},
    )


@pytest.mark.parametrize(
    ("vitals", "calls", "refusal"),
    [
        (Vitals(), 0, None),
        (Vitals(), 79, None),
        (Vitals(), 80, Refusal.CALLS),
        (Vitals(memory=0.85), 0, Refusal.MEMORY),
        (Vitals(loop_lag_s=0.05), 0, Refusal.LOOP_LAG),
    ],
)
def test_the_process_has_limits(vitals: Vitals, calls: int, refusal: Refusal | None) -> None:
    assert admission().process_refusal(vitals, calls) is refusal


def test_provisioned_units_take_calls_up_to_their_target() -> None:
    """35 calls at 80 % of 50 units, by the published formula and the expected call."""
    door = admission()
    refusals = [door.take_seat(f"c{number}", "ptu", 0.0) for number in range(40)]
    assert refusals == [None] * 35 + [Refusal.PTU] * 5
    assert door.calls_of("ptu") == 35
    assert door.take_seat("more", "payg", 0.0) is None


def test_a_deployment_that_is_smaller_than_a_call_takes_one() -> None:
    door = admission(units=1)
    assert door.take_seat("a", "ptu", 0.0) is None
    assert door.take_seat("b", "ptu", 0.0) is Refusal.PTU


def test_a_full_bucket_takes_nobody() -> None:
    door = admission()
    door.take_seat("a", "ptu", 0.0)
    door.response_ended("a", "r", Usage(input_text=151_000), 1.0)
    assert door.refusal("ptu", 1.0) is Refusal.PTU


def test_others_take_head_room() -> None:
    door = admission()
    (_, book), *_ = door.ledgers()
    book.told([Reading(minute, 60.0 * minute, 0.8) for minute in range(3)], 180.0)
    door.take_seat("first", "ptu", 180.0)
    assert door.refusal("ptu", 180.0) is Refusal.PTU
    assert door.refusal("ptu", 180.0 + 900.0) is None, "what nobody has confirmed for a quarter of an hour is forgotten"


def test_dials_are_shared_by_the_deployments_of_a_resource() -> None:
    door = admission(per_minute=3)
    assert [door.take_seat(f"c{number}", name, 0.0) for number, name in enumerate(("ptu", "payg", "ptu", "payg"))] == [
        None,
        None,
        None,
        Refusal.DIALS,
    ]
    assert door.refusal("ptu", 60.0) is None


def test_a_deployment_that_refused_gets_fewer_calls_for_a_while() -> None:
    door = admission()
    for number in range(10):
        door.take_seat(f"c{number}", "payg", 0.0)
    door.response_refused("c0", "r", 1.0)
    assert door.refusal("payg", 1.0) is Refusal.THROTTLED
    for number in range(4):
        door.leave(f"c{number}", 2.0)
    assert door.refusal("payg", 2.0) is None


def test_who_asks_for_another_seat_gives_the_first_one_back() -> None:
    door = admission()
    door.take_seat("a", "ptu", 0.0)
    door.take_seat("a", "payg", 1.0)
    assert (door.calls_of("ptu"), door.calls_of("payg"), len(door)) == (0, 1, 1)


def test_calls_go_on_with_another_configuration() -> None:
    door = admission()
    door.take_seat("a", "ptu", 0.0)
    door.take_seat("b", "payg", 0.0)
    other = admission(units=100)
    door.configure(LIMITS, {"ptu": other.deployments["ptu"]}, 1.0)
    (_, book), *_ = door.ledgers()
    assert len(book) == 1
    assert door.response_ended("b", "r", None, 2.0) is None
    door.response_refused("b", "r", 2.0)
    door.leave("a", 3.0)
    door.leave("b", 3.0)
    assert (len(door), len(book)) == (0, 0)


calls = st.sampled_from([f"c{number}" for number in range(12)])
usages = st.none() | st.builds(Usage, input_text=st.integers(0, 60_000), output_text=st.integers(0, 4000))
steps = st.one_of(
    st.tuples(st.just("seat"), calls, st.sampled_from(["ptu", "payg"])),
    st.tuples(st.just("leave"), calls, st.none()),
    st.tuples(st.just("began"), calls, st.none()),
    st.tuples(st.just("ended"), calls, usages),
    st.tuples(st.just("refused"), calls, st.none()),
)


@given(st.lists(st.tuples(steps, st.floats(0.0, 30.0)), max_size=60))
def test_whatever_happens_seats_and_reservations_never_leak(
    story: list[tuple[tuple[str, str, object], float]],
) -> None:
    door, now = admission(per_minute=5, units=5), 0.0
    (_, book), *_ = door.ledgers()
    seated: dict[str, str] = {}
    for (what, call, more), pause in story:
        now += pause
        match what, more:
            case "seat", str() as deployment:
                seated.pop(call, None)
                expected = door.refusal(deployment, now) if call not in door._seats else None
                refusal = door.take_seat(call, deployment, now)
                assert expected is None or refusal is expected
                if refusal is None:
                    seated[call] = deployment
            case "leave", _:
                seated.pop(call, None)
                door.leave(call, now)
            case "began", _:
                door.response_began(call, "r", now)
            case "ended", (Usage() | None) as usage:
                charge = door.response_ended(call, "r", usage, now)
                assert (charge is not None) == (seated.get(call) == "ptu")
            case _:
                door.response_refused(call, "r", now)
        counted = Counter(seated.values())
        assert (door.calls_of("ptu"), door.calls_of("payg")) == (counted["ptu"], counted["payg"])
        assert len(book) == counted["ptu"]
    for call in list(seated):
        door.leave(call, now)
    account = book.account(now)
    assert (account.reserved, account.forecast) == (0, 0)
