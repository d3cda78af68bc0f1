"""Event Grid's handshake, envelopes and retries, as its documentation has them."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from gateway.simulator.phone import CallPlan, NetworkOptions, PhoneSwitches
from gateway.simulator.phone.events import RetryRules


def unanswered(seconds: float = 30.0, **switches: Any) -> CallPlan:
    return CallPlan(behaviour=(), ring_s=seconds, switches=PhoneSwitches(**switches))


@pytest.fixture
def idle(gateway: Any) -> Any:
    """A gateway that takes events and does nothing."""

    async def nothing(_mini: Any, _context: str) -> None:
        return

    gateway.act = nothing
    return gateway


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
def test_handshake(run_bench: Any, schema: str) -> None:
    async def scenario(bench: Any) -> None:
        validation = await bench.network.validate_subscription(schema)
        assert validation.accepted, validation.detail

    run_bench(scenario)


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
def test_handshake_with_nobody_there(gateway: Any, run_bench: Any, schema: str) -> None:
    async def scenario(bench: Any) -> None:
        bench.network._sender._url = gateway.url + "/nowhere"
        assert not (await bench.network.validate_subscription(schema)).accepted
        bench.network._sender._url = "http://127.0.0.1:1/"
        assert "no answer" in (await bench.network.validate_subscription(schema)).detail

    run_bench(scenario)


def test_event_grid_envelope(idle: Any, run_bench: Any) -> None:
    async def scenario(bench: Any) -> None:
        await bench.network.place_call(
            CallPlan(behaviour=(), ring_s=1.0, sip_headers=(("User-To-User", "616263;encoding=hex"),))
        )

    run_bench(scenario)
    ((event,),) = idle.events
    assert set(event) == {"id", "topic", "subject", "data", "eventType", "dataVersion", "metadataVersion", "eventTime"}
    assert event["eventType"] == "Microsoft.Communication.IncomingCall"
    data = event["data"]
    assert data["to"] == {"kind": "phoneNumber", "rawId": "4:+18005550126", "phoneNumber": {"value": "+18005550126"}}
    assert data["from"]["phoneNumber"] == {"value": "+18005550176"}
    assert len(data["incomingCallContext"]) == 9000
    assert data["customContext"]["sipHeaders"] == {"User-To-User": "616263;encoding=hex"}
    assert idle.event_headers[0]["aeg-event-type"] == "Notification"


def test_cloud_events_envelope(idle: Any, run_bench: Any) -> None:
    async def scenario(bench: Any) -> None:
        await bench.network.place_call(unanswered(1.0, event_schema="cloudevents"))

    run_bench(scenario)
    (event,) = idle.events
    keys = {"id", "source", "subject", "type", "time", "specversion", "datacontenttype", "data"}
    assert set(event) == keys
    assert idle.event_headers[0]["Content-Type"].startswith("application/cloudevents+json")


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
def test_batch_has_the_call_among_other_events(idle: Any, run_bench: Any, schema: str) -> None:
    async def scenario(bench: Any) -> None:
        await bench.network.place_call(unanswered(1.0, event_schema=schema, batch=3))

    run_bench(scenario)
    (batch,) = idle.events
    types = [event.get("type", event.get("eventType")) for event in batch]
    assert types[1] == "Microsoft.Communication.IncomingCall"
    assert len(set(types)) == 3


@pytest.mark.parametrize(
    ("form", "raw_id", "kind"),
    [
        ("asserted", "4:+18005550176_asserted", "phoneNumber"),
        ("anonymous", "4:anonymous", "phoneNumber"),
        ("acs_user", "8:acs:00000000-0000-4000-8000-0000000000aa_018005550176", "communicationUser"),
    ],
)
def test_caller_forms(idle: Any, run_bench: Any, form: str, raw_id: str, kind: str) -> None:
    async def scenario(bench: Any) -> None:
        await bench.network.place_call(unanswered(1.0, caller_id=form))

    run_bench(scenario)
    assert idle.events[0][0]["data"]["from"]["rawId"] == raw_id
    assert idle.events[0][0]["data"]["from"]["kind"] == kind


def test_duplicates_have_the_same_id(idle: Any, run_bench: Any) -> None:
    async def scenario(bench: Any) -> None:
        record = await bench.network.place_call(unanswered(1.0, duplicate_events=2))
        assert len(record.event_attempts) == 3

    run_bench(scenario)
    assert len({batch[0]["id"] for batch in idle.events}) == 1


def delivery_times(run_bench: Any, rules: RetryRules | None = None, wait_s: float = 400.0) -> tuple[list[float], str]:
    """Seconds after the first delivery at which the others came, and how it ended."""
    found: list[Any] = []

    async def scenario(bench: Any) -> None:
        live = await bench.network.start_call(unanswered())
        await asyncio.sleep(wait_s)
        found.append(await live.wait())

    run_bench(scenario, NetworkOptions(rules=rules or RetryRules()))
    attempts = found[0].event_attempts
    return [round(attempt.at - attempts[0].at, 1) for attempt in attempts], found[0].event_state


def test_failed_delivery_comes_again_after_10_and_30_seconds(idle: Any, run_bench: Any) -> None:
    idle.event_statuses = [500, 500]
    assert delivery_times(run_bench) == ([0.0, 10.0, 40.0], "delivered")


def test_three_attempts_are_all(idle: Any, run_bench: Any) -> None:
    idle.event_statuses = [500] * 9
    times, state = delivery_times(run_bench, RetryRules(ttl_s=3600.0))
    assert (times, state) == ([0.0, 10.0, 40.0], "exhausted")


def test_time_to_live_ends_the_retries(idle: Any, run_bench: Any) -> None:
    idle.event_statuses = [503, 503, 503]
    times, state = delivery_times(run_bench, RetryRules(max_attempts=30))
    assert (times, state) == ([0.0, 30.0, 60.0], "expired")


@pytest.mark.parametrize(("status", "wait_s"), [(404, 300.0), (408, 120.0), (503, 30.0), (429, 10.0), (302, 10.0)])
def test_some_statuses_wait_longer(idle: Any, run_bench: Any, status: int, wait_s: float) -> None:
    idle.event_statuses = [status]
    assert delivery_times(run_bench, RetryRules(ttl_s=3600.0))[0] == [0.0, wait_s]


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_some_statuses_are_final(idle: Any, run_bench: Any, status: int) -> None:
    idle.event_statuses = [status]
    assert delivery_times(run_bench) == ([0.0], "refused")


def test_a_gateway_that_hangs_costs_30_seconds(gateway: Any, run_bench: Any) -> None:
    calls = 0

    async def hang_once(_mini: Any, _context: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(35)

    gateway.act = hang_once
    assert delivery_times(run_bench) == ([0.0, 40.0], "delivered")


def test_deliveries_carry_a_token_and_the_subscriptions_headers(idle: Any, run_bench: Any) -> None:
    claims: list[Any] = []

    async def scenario(bench: Any) -> None:
        await bench.network.place_call(unanswered(1.0))
        token = idle.event_headers[0]["Authorization"].removeprefix("Bearer ")
        keys = jwt.PyJWKSet.from_dict(bench.network.keys.jwks())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims.append(jwt.decode(token, key, algorithms=["RS256"], audience="app-1", issuer=bench.network.event_issuer))

    run_bench(scenario, NetworkOptions(event_audience="app-1", event_headers={"x-secret": "s"}))
    assert claims[0]["tid"]
    assert idle.event_headers[0]["x-secret"] == "s"
