"""Who failed too often is turned away, and nobody else is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from gateway.bounds import FAILURES_PER_MINUTE, MAX_SOURCES
from gateway.server.sources import Sources


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@cache
def request(*forwarded: str) -> web.Request:
    """A request with these X-Forwarded-For headers."""
    return make_mocked_request("GET", "/", CIMultiDict([("X-Forwarded-For", value) for value in forwarded]))


def fail(sources: Sources, *forwarded: str, times: int = FAILURES_PER_MINUTE) -> None:
    for _ in range(times):
        sources.failed(request(*forwarded))


def same(one: Sequence[str], other: Sequence[str], trusted_proxies: int = 1) -> bool:
    """Whether both are one source: what the first did wrong holds off the second."""
    sources = Sources(trusted_proxies, Clock())
    fail(sources, *one)
    return sources.turned_away(request(*other)) is not None


def test_after_20_failures_a_source_is_turned_away_and_told_for_how_long() -> None:
    clock = Clock()
    sources = Sources(1, clock)
    for _ in range(FAILURES_PER_MINUTE):
        assert sources.turned_away(request("192.0.2.1")) is None
        sources.failed(request("192.0.2.1"))
    assert sources.turned_away(request("192.0.2.1")) == 3
    clock.now += 2.9
    assert sources.turned_away(request("192.0.2.1")) == 1
    clock.now += 0.2
    assert sources.turned_away(request("192.0.2.1")) is None
    sources.failed(request("192.0.2.1"))
    assert sources.turned_away(request("192.0.2.1")) is not None


def test_one_failure_every_three_seconds_holds_nobody_off() -> None:
    clock = Clock()
    sources = Sources(1, clock)
    for _ in range(1000):
        sources.failed(request("192.0.2.1"))
        clock.now += 3.01
        assert sources.turned_away(request("192.0.2.1")) is None


def test_being_turned_away_does_not_make_it_longer() -> None:
    clock = Clock()
    sources = Sources(1, clock)
    fail(sources, "192.0.2.1")
    for _ in range(100):
        sources.turned_away(request("192.0.2.1"))
    clock.now += 3.1
    assert sources.turned_away(request("192.0.2.1")) is None


def test_one_source_does_not_hold_off_another() -> None:
    assert same(["192.0.2.1"], ["192.0.2.1"])
    assert not same(["192.0.2.1"], ["192.0.2.2"])


def test_without_trusted_proxies_nobody_is_held_off() -> None:
    assert not same(["192.0.2.1"], ["192.0.2.1"], trusted_proxies=0)
    assert not same([], [], trusted_proxies=0)


@pytest.mark.parametrize("claimed", ["203.0.113.9", "203.0.113.9, 198.51.100.7", "nonsense", "", ",,,", "192.0.2.1"])
def test_what_the_request_itself_claims_of_its_way_counts_for_nothing(claimed: str) -> None:
    """The proxy appends; all to the left of that was written by whoever asks."""
    assert same(["192.0.2.1"], [f"{claimed}, 192.0.2.1"])
    assert not same([f"198.51.100.7, {claimed}, 192.0.2.1"], ["198.51.100.7"])


def test_with_two_proxies_the_address_that_the_first_one_saw_counts() -> None:
    assert same(["192.0.2.1, 10.0.0.1"], ["203.0.113.9, 192.0.2.1, 10.0.0.2"], trusted_proxies=2)
    assert not same(["192.0.2.1, 10.0.0.1"], ["192.0.2.2, 10.0.0.1"], trusted_proxies=2)


def test_several_headers_are_one_list() -> None:
    assert same(["203.0.113.9", "192.0.2.1"], ["192.0.2.1"])
    assert same(["192.0.2.1", "10.0.0.1"], ["192.0.2.1, 10.0.0.1"], trusted_proxies=2)


@pytest.mark.parametrize(
    "forwarded", [[], [""], ["unknown"], ["_hidden"], ["192.0.2.256"], ["192.0.2.1/24"], ["a" * 8000]]
)
def test_a_request_whose_source_can_not_be_told_is_not_held_off(forwarded: list[str]) -> None:
    assert not same(forwarded, forwarded)


def test_a_request_that_came_past_the_proxies_is_not_held_off() -> None:
    assert not same(["192.0.2.1"], ["192.0.2.1"], trusted_proxies=2)


def test_of_ipv6_a_network_of_64_bits_is_one_source() -> None:
    assert same(["2001:db8:0:1::1"], ["2001:db8:0:1:ffff::2"])
    assert not same(["2001:db8:0:1::1"], ["2001:db8:0:2::1"])


@pytest.mark.parametrize("other", ["::ffff:192.0.2.1", "::ffff:c000:201", "192.0.2.1:443", "[::ffff:192.0.2.1]:443"])
def test_an_address_is_the_same_source_however_it_is_written(other: str) -> None:
    """With a port, as Azure Application Gateway appends it, or as a proxy with one socket for both families has it."""
    assert same(["192.0.2.1"], [other])
    assert same([other], ["192.0.2.1"])


@pytest.mark.parametrize(("one", "other"), [("::ffff:192.0.2.1", "::ffff:192.0.2.2"), ("192.0.2.1:5", "192.0.2.2:5")])
def test_addresses_written_so_are_still_told_apart(one: str, other: str) -> None:
    assert not same([one], [other])


def test_ipv6_may_have_a_port_too() -> None:
    assert same(["2001:db8::1"], ["[2001:db8::2]:50123"])
    assert same(["2001:db8::1"], ["[2001:db8::2]"])


@pytest.mark.parametrize("zone", ["fe80::1%eth0", "fe80::1%eth0\u00e9", "fe80::1%", "[fe80::1%1]:5"])
def test_an_address_with_a_zone_harms_nothing(zone: str) -> None:
    same([zone], [zone])


def test_sources_are_remembered_up_to_a_bound_and_the_last_to_fail_are_those(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_SOURCES == 10_000
    monkeypatch.setattr("gateway.server.sources.MAX_SOURCES", 100)
    sources = Sources(1, Clock())
    fail(sources, "192.0.2.1")
    for number in range(99):
        fail(sources, f"10.0.0.{number}", times=1)
    assert sources.turned_away(request("192.0.2.1")) is not None
    fail(sources, "192.0.2.2")
    assert sources.turned_away(request("192.0.2.1")) is None
    assert sources.turned_away(request("192.0.2.2")) is not None
    assert repr(sources) == "<Sources 100>"


def test_a_source_that_fails_again_is_remembered_longer_than_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.server.sources.MAX_SOURCES", 2)
    sources = Sources(1, Clock())
    fail(sources, "192.0.2.1", times=FAILURES_PER_MINUTE - 1)
    fail(sources, "192.0.2.2")
    fail(sources, "192.0.2.1", times=1)
    fail(sources, "192.0.2.3", times=1)
    assert sources.turned_away(request("192.0.2.1")) is not None
    assert sources.turned_away(request("192.0.2.2")) is None
