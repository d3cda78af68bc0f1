from __future__ import annotations

import pytest

from gateway.store.memory import KEPT_S, MemoryClaims


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_first_claim_wins_by_any_key(clock: Clock) -> None:
    claims = MemoryClaims(clock)
    first, ours = claims.claim(["event:1", "call:x"])
    assert ours
    assert claims.claim(["event:2", "call:x"]) == (first, False)
    assert claims.claim(["event:1", "call:y"]) == (first, False)


def test_a_settled_call_stays_claimed_for_a_while(clock: Clock) -> None:
    claims = MemoryClaims(clock)
    claim, _ = claims.claim(["event:1"])
    claims.settle(claim)
    clock.now = KEPT_S - 1
    assert claims.claim(["event:1"]) == (claim, False)
    clock.now = KEPT_S + 1
    assert claims.claim(["event:1"])[1]


def test_a_released_call_can_be_claimed_again_at_once(clock: Clock) -> None:
    claims = MemoryClaims(clock)
    claim, _ = claims.claim(["event:1", "call:x"])
    claims.release(claim)
    assert claim.settled.is_set()
    assert claims.claim(["call:x"])[1]


def test_an_open_claim_does_not_expire(clock: Clock) -> None:
    claims = MemoryClaims(clock)
    claim, _ = claims.claim(["event:1"])
    clock.now = 10 * KEPT_S
    assert claims.claim(["event:1"]) == (claim, False)
