from __future__ import annotations

import pytest

from gateway.session.duration import WARNING_S, Duration, Notice


def notices(duration: Duration, seconds: int, *, quiet: bool = True) -> list[tuple[int, Notice]]:
    looked = [(at, duration.on_tick(float(at), quiet=quiet)) for at in range(seconds + 1)]
    return [(at, notice) for at, notice in looked if notice is not None]


def test_a_minute_is_announced_and_the_end_comes_once() -> None:
    duration = Duration(600.0)
    duration.begin(0.0)
    assert notices(duration, 700) == [(540, Notice.NEARLY_UP), (600, Notice.IS_UP)]


def test_the_announcement_waits_for_a_pause_but_not_for_ever() -> None:
    duration = Duration(600.0)
    duration.begin(0.0)
    assert notices(duration, 700, quiet=False) == [(570, Notice.NEARLY_UP), (600, Notice.IS_UP)]


@pytest.mark.parametrize("longest_s", [1.0, WARNING_S, 2 * WARNING_S])
def test_a_short_call_is_not_announced_to_be_nearly_over(longest_s: float) -> None:
    duration = Duration(longest_s)
    duration.begin(0.0)
    assert [notice for _, notice in notices(duration, 200)] == [Notice.IS_UP]


def test_a_phone_that_rings_costs_no_time() -> None:
    duration = Duration(600.0)
    assert notices(duration, 700) == []
    duration.begin(700.0)
    duration.begin(900.0)  # a socket that came back
    assert duration.on_tick(1299.0, quiet=True) is Notice.NEARLY_UP
    assert duration.on_tick(1300.0, quiet=True) is Notice.IS_UP
