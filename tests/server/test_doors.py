"""Every way in refuses who has no right to it, in the right order: no state is touched, no model dialled."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from gateway.bounds import MAX_CALLBACK_BYTES, MAX_EVENT_GRID_BYTES
from gateway.server.app import ROUTES
from gateway.simulator.phone import CallPlan, PhoneSwitches, WaitAgent
from gateway.simulator.phone.keys import SigningKeys
from gateway.simulator.phone.network import EVENT_AUDIENCE, TENANT
from gateway.wire.ticket import Purpose

EVENTS = "/events/incoming-call"
JSON = {"Content-Type": "application/json"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
STRANGERS = SigningKeys()
"""Keys that nobody published."""
SECRET = "s" * 32


def stranger(bench: Any, audience: str) -> dict[str, str]:
    token = STRANGERS.acs_token(bench.phone.issuer, audience, 300.0)
    return {"Authorization": f"Bearer {token}"}


def event(bench: Any) -> dict[str, Any]:
    """A call that rings; genuine but for who says so."""
    return {
        "id": "event",
        "topic": bench.topic,
        "eventType": "Microsoft.Communication.IncomingCall",
        "eventTime": datetime.fromtimestamp(bench.wall_now, UTC).isoformat(),
        "data": {
            "to": {"kind": "phoneNumber", "rawId": "4:+18005550126", "phoneNumber": {"value": "+18005550126"}},
            "from": {"kind": "phoneNumber", "rawId": "4:+18005550100", "phoneNumber": {"value": "+18005550100"}},
            "serverCallId": "c2VydmVy",
            "incomingCallContext": "context",
            "correlationId": "correlation",
        },
    }


def changing(section: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    """For `run_bench`: this section of the configuration with other values."""
    return lambda document: document[section].update(values)


def nothing_happened(bench: Any) -> bool:
    dials = bench.count("gateway_voice_live_dials_total", deployment="main", result="ready")
    kinds = ("incoming_call", "malformed", "bad_item", "other", "validation")
    events = sum(bench.count("gateway_event_grid_events_total", kind=kind) for kind in kinds)
    return not dials and not events and not bench.phone.requests and not bench.gateway.supervisor


async def statuses(bench: Any, cases: list[tuple[str, str, dict[str, Any], int]]) -> None:
    for method, path, options, status in cases:
        answer, headers, text = await bench.ask(method, path, **options)
        assert answer == status, (method, path[:20], options.keys(), text)
        if status >= 400:
            assert headers["Content-Type"].startswith("application/problem+json")
            assert ("WWW-Authenticate" in headers) == (status == 401)


def test_there_is_no_way_in_that_these_tests_do_not_know() -> None:
    assert {(route.method, route.path) for route in ROUTES} == {
        ("OPTIONS", EVENTS),
        ("POST", EVENTS),
        ("POST", "/calls/{ticket}/events"),
        ("GET", "/media/{ticket}"),
        ("GET", "/calls/{ticket}/clips/{name}.wav"),
    }


# --- Event Grid -----------------------------------------------------------------------------------------------------


def test_events_are_judged_by_size_credential_type_and_body_in_this_order(run_bench: Callable[..., None]) -> None:
    async def test(bench: Any) -> None:
        large, good = io.BytesIO(b"[" * (MAX_EVENT_GRID_BYTES + 1)), bench.bearer()
        await statuses(
            bench,
            [
                ("POST", EVENTS, {"data": large}, 413),
                ("GET", EVENTS, {}, 405),
                ("POST", EVENTS + "/", {}, 404),
                ("POST", EVENTS, {"data": b"{", "headers": {"Content-Type": "text/plain"}}, 401),
                ("POST", EVENTS, {"json": [event(bench)]}, 401),
                ("POST", EVENTS, {"data": b"{", "headers": good | {"Content-Type": "text/plain"}}, 415),
                ("POST", EVENTS, {"data": b"x", "headers": good | JSON | {"Content-Encoding": "br"}}, 415),
            ],
        )
        assert nothing_happened(bench)
        await statuses(bench, [("POST", EVENTS, {"data": b"{", "headers": good | JSON}, 400)])
        await statuses(bench, [("POST", EVENTS, {"json": [{}] * 101, "headers": good}, 413)])
        assert bench.count("gateway_auth_failures_total", door="events", kind="missing") == 2

    run_bench(test)


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"tid": "11111111-1111-4111-8111-111111111111"}, "claim"),
        ({"appid": "11111111-1111-4111-8111-111111111111"}, "claim"),
        ({"aud": "api://another"}, "audience"),
        ({"iss": "https://sts.windows.net/11111111-1111-4111-8111-111111111111/"}, "issuer"),
    ],
)
def test_an_event_with_the_token_of_another_is_refused(
    run_bench: Callable[..., None], claims: dict[str, str], fault: str
) -> None:
    async def test(bench: Any) -> None:
        genuine = {
            "iss": f"https://sts.windows.net/{TENANT}/",
            "aud": EVENT_AUDIENCE,
            "tid": TENANT,
            "appid": "4962773b-9cdb-44cf-a8bf-237846a00ab7",
        }
        token = bench.phone.keys.sign(genuine | claims, 3600.0)
        headers = {"Authorization": f"Bearer {token}"}
        await statuses(bench, [("POST", EVENTS, {"json": [event(bench)], "headers": headers}, 401)])
        assert nothing_happened(bench)
        assert bench.count("gateway_auth_failures_total", door="events", kind=fault) == 1

    run_bench(test)


def test_what_can_not_be_decided_comes_again(run_bench: Callable[..., None]) -> None:
    """Keys nobody knows, just after the keys were fetched: a rotation, or a stranger."""

    async def test(bench: Any) -> None:
        unknown = STRANGERS.event_grid_token(TENANT, EVENT_AUDIENCE)
        headers = {"Authorization": f"Bearer {unknown}"}
        await statuses(bench, [("POST", EVENTS, {"json": [event(bench)], "headers": headers}, 500)])
        for purpose, method, tail in (
            (Purpose.CALLBACKS, "POST", "/calls/{}/events"),
            (Purpose.MEDIA, "GET", "/media/{}"),
        ):
            path = tail.format(bench.ticket(purpose))
            answer = await bench.ask(method, path, headers=stranger(bench, bench.phone.audience) | UPGRADE)
            assert (answer[0], answer[1]["Retry-After"]) == (503, "5")
        await asyncio.sleep(31.0)
        await statuses(bench, [("POST", EVENTS, {"json": [event(bench)], "headers": headers}, 401)])
        assert nothing_happened(bench)
        assert bench.count("gateway_auth_failures_total", door="events", kind="undecided") == 1
        assert bench.count("gateway_key_fetches_total", keys="entra", result="ok") == 2

    run_bench(test)


def test_a_rotation_of_the_keys_is_not_noticed_and_costs_one_fetch(run_bench: Callable[..., None]) -> None:
    async def test(bench: Any) -> None:
        for _ in range(2):
            live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(60.0),)))
            await asyncio.sleep(3.0)
            assert len(bench.gateway.supervisor) == 1
            live.hang_up()
            assert [socket.close_code for socket in (await live.wait()).sockets] == [1000]
            await asyncio.sleep(40.0)
            bench.phone.keys.rotate()
        for authority in ("acs", "entra"):
            assert bench.count("gateway_key_fetches_total", keys=authority, result="ok") == 2
        for door in ("events", "callbacks", "media"):
            for kind in ("key_unknown", "undecided"):
                assert bench.count("gateway_auth_failures_total", door=door, kind=kind) == 0

    run_bench(test)


def test_a_rotation_in_the_middle_of_forged_tokens_costs_a_call_one_repetition_and_not_the_call(
    run_bench: Callable[..., None],
) -> None:
    """The worst moment: strangers have just made the gateway fetch the keys, and the authority takes a new one."""

    async def test(bench: Any) -> None:
        async def strangers() -> None:
            for number in range(400):
                token = STRANGERS.sign({"iss": "x", "number": number}, 300.0)
                _, payload, signature = token.split(".")
                header = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": f"forged-{number}"}).encode())
                forged = f"{header.decode().rstrip('=')}.{payload}.{signature}"
                headers = {"Authorization": f"Bearer {forged}"}
                assert (await bench.ask("POST", EVENTS, json=[event(bench)], headers=headers))[0] in (401, 500)
                await asyncio.sleep(0.1)

        flood = asyncio.create_task(strangers())
        await asyncio.sleep(8.5)
        assert bench.count("gateway_key_fetches_total", keys="entra", result="ok") == 2
        bench.phone.keys.rotate()
        live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(60.0),)))
        await asyncio.sleep(14.0)
        assert [attempt.status for attempt in live.call.delivery.attempts] == [500, 200]
        assert len(bench.gateway.supervisor) == 1
        await flood
        assert bench.count("gateway_key_fetches_total", keys="entra", result="ok") == 5, "one in eight seconds"
        live.hang_up()
        assert [socket.close_code for socket in (await live.wait()).sockets] == [1000]

    run_bench(test)


def test_a_shared_secret_lets_in_beside_or_instead_of_a_token(run_bench: Callable[..., None], tmp_path: Any) -> None:
    (tmp_path / "secret").write_text(SECRET)
    gone = [{"eventType": "other"}]

    async def test(bench: Any) -> None:
        await statuses(
            bench,
            [
                ("POST", EVENTS, {"json": gone, "headers": {"x-secret": SECRET}}, 200),
                ("POST", EVENTS, {"json": gone, "headers": {"x-secret": SECRET[:-1]}}, 401),
                ("POST", EVENTS, {"json": gone, "headers": bench.bearer() | {"x-secret": "wrong"}}, 401),
                ("POST", EVENTS, {"json": gone, "headers": bench.bearer()}, 200),
                ("POST", EVENTS, {"json": gone}, 401),
            ],
        )

    run_bench(test, changing("event_grid", secret={"header": "x-secret", "key_files": ["secret"]}))


def test_a_validation_is_answered_for_a_subscription_of_ours_alone(run_bench: Callable[..., None]) -> None:
    async def test(bench: Any) -> None:
        def asked(subscription: str) -> dict[str, Any]:
            kind = "Microsoft.EventGrid.SubscriptionValidationEvent"
            data = {"validationCode": "code-1", "validationUrl": "https://evil.example/"}
            return {"json": [{"eventType": kind, "topic": f"/subscriptions/{subscription}", "data": data}]}

        header = {"aeg-event-type": "SubscriptionValidation"}
        ours, theirs = bench.topic.split("/")[2], "99999999-9999-4999-8999-999999999999"
        await statuses(
            bench,
            [
                ("POST", EVENTS, asked(ours) | {"headers": header}, 401),
                ("POST", EVENTS, asked(theirs) | {"headers": header | bench.bearer()}, 403),
                ("POST", EVENTS, asked(ours) | {"headers": bench.bearer()}, 403),
                ("POST", EVENTS, asked(ours) | {"headers": header | bench.bearer()}, 200),
            ],
        )

    run_bench(test)


def test_the_handshake_nobody_can_prove_is_bounded_in_rate(run_bench: Callable[..., None]) -> None:
    async def test(bench: Any) -> None:
        asking = {"headers": {"WebHook-Request-Origin": "eventgrid.azure.net"}}
        await statuses(bench, [("OPTIONS", EVENTS, asking, 200)] * 10 + [("OPTIONS", EVENTS, asking, 429)] * 5)
        await asyncio.sleep(7.0)
        await statuses(bench, [("OPTIONS", EVENTS, asking, 200), ("OPTIONS", EVENTS, asking, 429)])

    run_bench(test)


# --- callbacks ------------------------------------------------------------------------------------------------------


def test_callbacks_are_judged_by_size_ticket_token_type_and_binding_in_this_order(
    run_bench: Callable[..., None],
) -> None:
    async def test(bench: Any) -> None:
        live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(60.0),)))
        await asyncio.sleep(3.0)
        ours = f"/calls/{bench.ticket(Purpose.CALLBACKS, live.call.ids.context)}/events"
        wrong = f"/calls/{bench.ticket(Purpose.MEDIA, live.call.ids.context)}/events"
        good, media_token = bench.bearer(Purpose.CALLBACKS), bench.bearer(Purpose.MEDIA)
        ended = [{"type": "Microsoft.Communication.CallDisconnected", "data": {"callConnectionId": "another"}}]
        text = {"Content-Type": "text/plain"}
        await statuses(
            bench,
            [
                ("POST", wrong, {"data": b"[" * (MAX_CALLBACK_BYTES + 1)}, 413),
                ("POST", wrong, {"json": ended, "headers": good}, 404),
                ("POST", ours, {"data": b"{", "headers": text}, 401),
                ("POST", ours, {"json": ended}, 401),
                ("POST", ours, {"json": ended, "headers": media_token}, 401),
                ("POST", ours, {"json": ended, "headers": bench.bearer()}, 401),
                ("POST", ours, {"data": b"{", "headers": good | text}, 415),
                ("POST", ours, {"data": b"{", "headers": good | JSON}, 400),
                ("POST", ours, {"json": ended, "headers": good}, 403),
                ("POST", ours, {"json": [{"type": "x", "data": {}}, *ended], "headers": good}, 403),
            ],
        )
        assert len(bench.gateway.supervisor) == 1, "the call goes on"
        assert bench.count("gateway_callbacks_total", kind="CallDisconnected") == 0
        assert bench.count("gateway_auth_failures_total", door="callbacks", kind="lifetime") == 1, "a day is too long"
        assert bench.count("gateway_auth_failures_total", door="callbacks", kind="binding") == 2
        ended[0]["data"] = {"callConnectionId": live.call.ids.connection_id}
        await statuses(bench, [("POST", ours, {"json": ended, "headers": good}, 200)])
        assert await bench.gateway.supervisor.wait_empty(5.0)

    run_bench(test)


def test_a_clip_is_for_its_call_alone(run_bench: Callable[..., None]) -> None:
    async def test(bench: Any) -> None:
        ticket = bench.ticket(Purpose.CLIPS)
        await statuses(
            bench,
            [
                ("GET", f"/calls/{ticket}/clips/filler.wav", {}, 200),
                ("GET", f"/calls/{ticket}/clips/other.wav", {}, 404),
                ("GET", f"/calls/{bench.ticket(Purpose.MEDIA)}/clips/filler.wav", {}, 404),
                ("GET", f"/calls/{ticket[:-1]}/clips/filler.wav", {}, 404),
                ("GET", "/clips/filler.wav", {}, 404),
            ],
        )

    run_bench(test)


# --- media ----------------------------------------------------------------------------------------------------------


def test_a_media_socket_is_refused_before_the_upgrade_with_a_status(run_bench: Callable[..., None]) -> None:
    async def test(bench: Any) -> None:
        live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(60.0),)))
        await asyncio.sleep(3.0)
        ours = f"/media/{bench.ticket(Purpose.MEDIA, live.call.ids.context)}"
        good = bench.bearer(Purpose.MEDIA) | UPGRADE
        await statuses(
            bench,
            [
                ("GET", f"/media/{bench.ticket(Purpose.CALLBACKS, live.call.ids.context)}", {"headers": good}, 404),
                ("GET", ours, {"headers": UPGRADE}, 401),
                ("GET", ours, {"headers": UPGRADE | bench.bearer()}, 401),
                ("GET", ours, {"headers": good | {"Origin": "https://evil.example"}}, 403),
                ("GET", ours, {"headers": bench.bearer(Purpose.MEDIA)}, 426),
                ("GET", ours, {"headers": good | {"x-ms-call-connection-id": "another"}}, 403),
                ("GET", ours, {"headers": good}, 409),
                ("GET", f"/media/{bench.ticket(Purpose.MEDIA, 'gone')}", {"headers": good}, 410),
                ("GET", f"/media/{bench.ticket(Purpose.MEDIA, age_s=5000.0)}", {"headers": good}, 404),
            ],
        )
        live.hang_up()
        record = await live.wait()
        assert [socket.close_code for socket in record.sockets] == [1000], "the genuine one was left in peace"

    run_bench(test)


async def attach(bench: Any, context: str) -> Any:
    """A media socket as the network opens one; its first message is sent."""
    url = f"ws://127.0.0.1:{bench.gateway.public_port}/media/{bench.ticket(Purpose.MEDIA, context)}"
    socket = await bench.http.ws_connect(url, headers=bench.bearer(Purpose.MEDIA))
    metadata = {"encoding": "PCM", "sampleRate": 16000, "channels": 1, "length": 640}
    await socket.send_str(json.dumps({"kind": "AudioMetadata", "audioMetadata": metadata}))
    return socket


def test_a_newcomer_takes_the_place_of_a_silent_socket_and_three_are_enough(run_bench: Callable[..., None]) -> None:
    """The network's own socket never comes, and those that do say nothing more: as when a proxy drops them."""

    async def test(bench: Any) -> None:
        plan = CallPlan(behaviour=(WaitAgent(60.0),), switches=PhoneSwitches(media_refused=100))
        live = await bench.phone.start_call(plan)
        await asyncio.sleep(2.0)
        assert live.call.state == "connected"
        context = live.call.ids.context
        first = await attach(bench, context)
        await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await attach(bench, context)
        assert refused.value.status == 409, "it has just come"
        await asyncio.sleep(0.6)
        second = await attach(bench, context)
        assert (await first.receive()).type in (WSMsgType.CLOSED, WSMsgType.ERROR)
        await asyncio.sleep(0.6)
        third = await attach(bench, context)
        assert (await second.receive()).type in (WSMsgType.CLOSED, WSMsgType.ERROR)
        await asyncio.sleep(0.6)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await attach(bench, context)
        assert refused.value.status == 429
        assert len(bench.gateway.supervisor) == 1, "the call has gone on all the time"
        await third.close()
        live.hang_up()
        await live.wait()

    run_bench(test)


def test_a_ticket_that_brought_no_media_in_time_brings_none_any_more(run_bench: Callable[..., None]) -> None:
    async def test(bench: Any) -> None:
        plan = CallPlan(behaviour=(WaitAgent(60.0),), switches=PhoneSwitches(media_refused=100))
        live = await bench.phone.start_call(plan)
        await asyncio.sleep(2.0)
        late = f"/media/{bench.ticket(Purpose.MEDIA, live.call.ids.context, age_s=121.0)}"
        in_time = f"/media/{bench.ticket(Purpose.MEDIA, live.call.ids.context, age_s=110.0)}"
        good = bench.bearer(Purpose.MEDIA)
        await statuses(
            bench,
            [("GET", late, {"headers": good | UPGRADE}, 404), ("GET", in_time, {"headers": good}, 426)],
        )
        assert bench.count("gateway_auth_failures_total", door="media", kind="ticket_late") == 1
        live.hang_up()
        await live.wait()

    run_bench(test)


def test_media_without_a_genuine_token_comes_in_where_that_is_only_logged(
    run_bench: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def adapted(document: dict[str, Any]) -> None:
        document["acs"]["media_token"] = "log_only"  # noqa: S105 - a mode
        document["server"]["trusted_proxies"] = 1

    async def test(bench: Any) -> None:
        live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(60.0),)))
        await asyncio.sleep(3.0)
        ours = f"/media/{bench.ticket(Purpose.MEDIA, live.call.ids.context)}"
        proxied = {"headers": UPGRADE | {"X-Forwarded-For": "203.0.113.9"}}
        await statuses(bench, [("GET", ours, proxied, 409)] * 30 + [("GET", "/media/v1.x.y", {}, 404)])
        assert bench.count("gateway_auth_failures_total", door="media", kind="missing") == 30
        live.hang_up()
        await live.wait()

    run_bench(test, adapted)
    assert "media.token_not_enforced" in capsys.readouterr().out


def test_a_source_that_fails_again_and_again_is_held_off_where_sources_can_be_told_apart(
    run_bench: Callable[..., None],
) -> None:
    async def test(bench: Any) -> None:
        def from_source(address: str) -> dict[str, Any]:
            return {"json": [event(bench)], "headers": {"X-Forwarded-For": f"198.51.100.1, {address}"}}

        failing, other = from_source("203.0.113.9"), from_source("203.0.113.10")
        await statuses(bench, [("POST", EVENTS, failing, 401)] * 20 + [("POST", EVENTS, failing, 429)] * 5)
        await statuses(bench, [("POST", EVENTS, other, 401)])
        await asyncio.sleep(4.0)
        await statuses(bench, [("POST", EVENTS, failing, 401), ("POST", EVENTS, failing, 429)])

    run_bench(test, changing("server", trusted_proxies=1))
