"""docs/openapi.yaml against the running gateway: the addresses, and every answer that it promises."""

from __future__ import annotations

import asyncio
import email
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
from aiohttp import web

from gateway.bounds import FAILURES_PER_MINUTE, HANDSHAKES_PER_MINUTE, MAX_CALLBACK_BYTES, MAX_EVENT_GRID_BYTES
from gateway.server import operate, probes
from gateway.server.app import ROUTES
from gateway.session.settings import Phrase
from gateway.simulator.phone import CallPlan, PhoneSwitches, WaitAgent
from gateway.simulator.phone.keys import SigningKeys
from gateway.simulator.phone.network import EVENT_AUDIENCE, TENANT
from gateway.wire.ticket import Purpose

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())
CANARY = "canary7f3a"
"""In everything that a request brings; never in an answer."""
SECRET = "0123456789abcdef" * 2
SOURCE = {"X-Forwarded-For": "203.0.113.7"}
EVENTS, CALLBACKS, MEDIA = "/events/incoming-call", "/calls/{ticket}/events", "/media/{ticket}"
CLIP = "/calls/{ticket}/clips/{name}.wav"
EVERYWHERE = "x-answers-everywhere"
NOT_PROVOKED = {
    (EVERYWHERE, "", 500): "no request is known that breaks the gateway; test_problems.py breaks a handler",
    ("/livez", "GET", 503): "the same; test_gateway.py breaks the clock",
    ("/livez", "HEAD", 503): "the same",
}
COMMANDS = (
    ("/operate/calls", "GET"),
    ("/operate/calls/{call_id}/hang-up", "POST"),
    ("/operate/lines", "GET"),
    ("/operate/lines/{name}/close", "POST"),
    ("/operate/lines/{name}/open", "POST"),
    ("/operate/reload", "POST"),
)
NOT_PROVOKED |= {(*command, 403): "test_operate.py asks a gateway that has no key" for command in COMMANDS}
TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}

Run: TypeAlias = Callable[..., None]
Json: TypeAlias = dict[str, Any]


def resolved(node: Json) -> Json:
    """Without a reference at its top."""
    while "$ref" in node:
        target: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def operations() -> dict[tuple[str, str], Json]:
    return {
        (path, method.upper()): resolved(operation)["responses"]
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in ("get", "head", "post", "put", "patch", "delete", "options", "trace")
    } | {(EVERYWHERE, ""): DOCUMENT[EVERYWHERE]}


def faults(value: Any, schema: Json) -> list[str]:
    """What is wrong with a value by those words of JSON Schema that the answers of the document are described with."""
    schema = resolved(schema)
    found = [fault for part in schema.get("allOf", ()) for fault in faults(value, part)]
    if "const" in schema and value != schema["const"]:
        found.append(f"{value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{value!r} is not one of {schema['enum']}")
    if "pattern" in schema and isinstance(value, str) and re.search(schema["pattern"], value) is None:
        found.append(f"{value!r} does not match {schema['pattern']}")
    allowed = schema.get("type", list(TYPES))
    if not isinstance(value, tuple(TYPES[name] for name in ([allowed] if isinstance(allowed, str) else allowed))):
        found.append(f"{value!r} is no {allowed}")
    if isinstance(value, list):
        found += [fault for item in value for fault in faults(item, schema.get("items", {}))]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{name} is missing" for name in schema.get("required", ()) if name not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{name} is not described" for name in value.keys() - properties.keys()]
        for name in properties.keys() & value.keys():
            found += faults(value[name], properties[name])
    return found


class Asker:
    """Sends requests without a client in between, and holds every answer against the document."""

    def __init__(self, bench: Any, path: str, method: str) -> None:
        self.bench = bench
        self.operation = (path, method)
        self.seen: set[int] = set()

    async def __call__(  # noqa: PLR0913 - the parts of a request
        self,
        *,
        where: str = "",
        method: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        declared: int | None = None,
        port: int = 0,
    ) -> int:
        """The status. `declared`: of the body, where it is not its length."""
        path, own_method = self.operation
        lines = [
            f"{method or own_method} {where or path}?q={CANARY} HTTP/1.1",
            "Host: gateway.example.com",
            f"User-Agent: {CANARY}",
            f"Cookie: {CANARY}={CANARY}",
            f"X-Note: {CANARY}",
            f"Content-Length: {len(body) if declared is None else declared}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        async with self.connection(port) as (reader, writer):
            writer.write(head + body)
            return self.check(await self.answer(reader), bare=own_method == "HEAD")

    @asynccontextmanager
    async def connection(self, port: int = 0) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.bench.gateway.public_port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def answer(self, reader: asyncio.StreamReader) -> bytes:
        """One answer; the connection may stay open after it."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        bare = length is None or self.operation[1] == "HEAD"
        return head if bare or length is None else head + await reader.readexactly(int(length[1]))

    def check(self, received: bytes, *, bare: bool = False) -> int:
        """The status of an answer that is as described. `bare`: without a body."""
        head, _, body = received.partition(b"\r\n\r\n")
        status_line, _, fields = head.partition(b"\r\n")
        status, headers = int(status_line.split()[1]), email.message_from_bytes(fields)
        assert CANARY.encode() not in received
        answers = operations()[self.operation]
        assert str(status) in answers, f"{status} is not documented for {self.operation}: {received!r}"
        described = resolved(answers[str(status)])
        for name, header in described.get("headers", {}).items():
            header = resolved(header)  # noqa: PLW2901 - the same, looked up
            assert not header.get("required") or name in headers, f"{name} is missing from {received!r}"
            if name in headers:
                wanted = header["schema"]
                value: Any = int(headers[name]) if wanted["type"] == "integer" else headers[name]
                assert faults(value, wanted) == []
        if bare:
            assert body == b""
        elif status != 101:
            self._check_body(status, headers.get_content_type(), body, described.get("content", {}))
        self.seen.add(status)
        return status

    @staticmethod
    def _check_body(status: int, content_type: str, body: bytes, contents: Json) -> None:
        if not body:
            assert status == 200
            return
        assert content_type in contents
        schema = contents[content_type]["schema"]
        if content_type == "audio/wav":
            assert body.startswith(b"RIFF")
        else:
            value = json.loads(body) if content_type.endswith("json") else body.decode()
            assert faults(value, schema) == []
        if status >= 400:
            assert len(body) < 512
            assert content_type == ("text/plain" if b"not ready" in body else "application/problem+json")
            assert content_type == "text/plain" or json.loads(body)["status"] == status


def as_json(bench: Any, purpose: Purpose | None = None) -> dict[str, str]:
    """Headers of a genuine message."""
    return {"Content-Type": "application/json", **bench.bearer(purpose)}


def signed_by_a_stranger(bench: Any, purpose: Purpose | None = None) -> dict[str, str]:
    """Headers with a token of which nobody knows yet whether its key exists: the keys were fetched just now."""
    keys = SigningKeys()
    if purpose is None:
        token = keys.event_grid_token(TENANT, EVENT_AUDIENCE)
    else:
        token = keys.acs_token(bench.phone.issuer, bench.phone.audience, 300.0)
    return {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}


def events(count: int = 1) -> bytes:
    return json.dumps([{"id": CANARY, "eventType": CANARY, "type": CANARY, "data": {CANARY: CANARY}}] * count).encode()


def validation(subscription: str) -> bytes:
    event = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "topic": f"/subscriptions/{subscription}",
        "subject": CANARY,
        "data": {"validationCode": "512d38b6", "validationUrl": f"https://{CANARY}.example"},
    }
    return json.dumps([event]).encode()


# --- what provokes every answer -----------------------------------------------------------------------------------


async def ask_handshake(ask: Asker) -> None:
    origin = "WebHook-Request-Origin"
    assert await ask(headers={origin: CANARY}) == 400
    for _ in range(HANDSHAKES_PER_MINUTE):
        assert await ask(headers={origin: "eventgrid.azure.net"}) == 200
    assert await ask(headers={origin: "eventgrid.azure.net"}) == 429


async def ask_events(ask: Asker) -> None:
    genuine, path = as_json(ask.bench), {"aeg-event-type": "SubscriptionValidation"}
    assert await ask(headers=genuine, body=events()) == 200
    ours = "00000000-0000-4000-8000-000000000001"
    assert await ask(headers=genuine | path, body=validation(ours)) == 200
    assert await ask(headers=genuine | path, body=validation(CANARY)) == 403
    assert await ask(headers=genuine, body=validation(ours)) == 403
    assert await ask(headers=signed_by_a_stranger(ask.bench), body=events()) == 500
    await ask_body(ask, EVENTS, genuine, MAX_EVENT_GRID_BYTES)
    assert await ask(headers=genuine | {"Authorization": f"Bearer {SECRET}"}, body=events()) == 401
    assert await ask(headers=genuine | {"X-Gateway-Key": CANARY}, body=events()) == 401, "the header alone is judged"
    assert await ask(headers={"Content-Type": "application/json", "X-Gateway-Key": SECRET}, body=events()) == 200
    await ask_until_held_off(ask, EVENTS)


async def ask_callbacks(ask: Asker) -> None:
    bench, genuine = ask.bench, as_json(ask.bench, Purpose.CALLBACKS)
    where = f"/calls/{bench.ticket(Purpose.CALLBACKS)}/events"
    assert await ask(where=where, headers=genuine, body=events()) == 200
    stranger = signed_by_a_stranger(bench, Purpose.CALLBACKS)
    assert await ask(where=where, headers=stranger, body=events()) == 503
    await ask_body(ask, where, genuine, MAX_CALLBACK_BYTES)
    live = await ringing(bench)
    theirs = f"/calls/{bench.ticket(Purpose.CALLBACKS, live.call.ids.context)}/events"
    about = json.dumps([{"type": CANARY, "data": {"callConnectionId": CANARY}}]).encode()
    assert await ask(where=theirs, headers=genuine, body=about) == 403
    assert await ask(where=f"/calls/{CANARY}/events", headers=genuine, body=events()) == 404
    await ask_until_held_off(ask, where)


async def ask_media(ask: Asker) -> None:
    bench = ask.bench
    live = await ringing(bench)
    where = f"/media/{bench.ticket(Purpose.MEDIA, live.call.ids.context)}"
    genuine = bench.bearer(Purpose.MEDIA) | UPGRADE
    assert await ask(where=where, headers=UPGRADE) == 401
    assert await ask(where=where, headers=signed_by_a_stranger(bench, Purpose.MEDIA) | UPGRADE) == 503
    assert await ask(where=f"/media/{bench.ticket(Purpose.MEDIA)}", headers=genuine) == 410
    assert await ask(where=where, headers=genuine | {"Origin": f"https://{CANARY}"}) == 403
    assert await ask(where=where, headers=genuine | {"Upgrade": CANARY}) == 426
    for broken in (
        {"Sec-WebSocket-Key": CANARY},
        {"Sec-WebSocket-Key": "ä" * 24},
        {"Sec-WebSocket-Version": CANARY},
        {"Upgrade": f"websocket, {CANARY}"},
        {"Connection": "close"},
    ):
        assert await ask(where=where, headers=genuine | broken) == 400, "and none of them counts as a socket"
    assert await ask(where=where, headers=genuine | {"x-ms-call-connection-id": CANARY}) == 403
    for attach in range(3):
        async with ask.connection() as (reader, writer):
            fields = "".join(f"{name}: {value}\r\n" for name, value in genuine.items())
            writer.write(f"GET {where}?{CANARY} HTTP/1.1\r\nHost: x\r\nX-Note: {CANARY}\r\n{fields}\r\n".encode())
            assert ask.check(await ask.answer(reader)) == 101
            assert await ask(where=where, headers=genuine) == (409 if attach < 2 else 429)
        await asyncio.sleep(0.6)
    assert await ask(where=f"/media/{CANARY}", headers=genuine) == 404
    await ask_until_held_off(ask, where)


async def ask_clip(ask: Asker) -> None:
    ticket = ask.bench.ticket(Purpose.CLIPS)
    for name in Phrase:
        assert await ask(where=f"/calls/{ticket}/clips/{name}.wav") == 200
    assert await ask(where=f"/calls/{ticket}/clips/{CANARY}.wav") == 404
    await ask_until_held_off(ask, f"/calls/{CANARY}/clips/filler.wav", refusal=404)


async def ask_operator(ask: Asker) -> None:
    assert await ask(port=ask.bench.gateway.metrics_port) == 200
    if ask.operation[0] in ("/startupz", "/readyz"):
        ask.bench.gateway._listening = False
        assert await ask(port=ask.bench.gateway.metrics_port) == 503


async def ask_command(ask: Asker) -> None:
    """An operator's command, with and without the right to it."""
    bench, path = ask.bench, ask.operation[0]
    genuine = {"Authorization": f"Bearer {SECRET}"}
    send = partial(ask, port=bench.gateway.metrics_port)
    command = partial(send, headers=genuine)
    assert await send(where=re.sub("[{}]", "", path)) == 401
    assert await send(where=re.sub("[{}]", "", path), headers={"Authorization": f"Bearer {CANARY}"}) == 401
    if "{name}" in path:
        assert await command(where=path.replace("{name}", "main")) == 200
        assert await command(where=path.replace("{name}", CANARY)) == 404
    elif "{call_id}" in path:
        await ringing(bench)
        (call,) = bench.gateway.supervisor
        where = path.replace("{call_id}", call.call_id)
        assert await command(where=f"{where}?goodbye={CANARY}&more") == 400
        assert await command(where=where) == 202
        assert await command(where=path.replace("{call_id}", CANARY)) == 404
    elif path.endswith("reload"):
        assert await command() == 200
        bench.document["server"]["metrics_port"] = 9
        assert await command() == 409
        bench.document["lines"] = []
        assert await command() == 422
    else:
        await ringing(bench)
        bench.gateway._closed.close("main", "12345678", bench.wall_now)
        assert await command() == 200


async def ask_everywhere(ask: Asker) -> None:
    bench = ask.bench
    for port in (bench.gateway.public_port, bench.gateway.metrics_port):
        assert await ask(method="GET", where=f"/{CANARY}", port=port) == 404
        assert await ask(method="GET", where="/livez", headers={"Expect": CANARY}, port=port) == 417
        assert ask.check(await bench.wire(CANARY.encode() + b"\r\n\r\n", port=port)) == 400
        for path, item in DOCUMENT["paths"].items():
            if ("servers" in item) is (port == bench.gateway.metrics_port):
                for method in ("DELETE", "PROPFIND"):
                    assert await ask(method=method, where=re.sub("[{}]", "", path), port=port) == 405
                assert await ask(method="PUT", where=path, headers={"Expect": CANARY}, port=port) == 417


async def ask_body(ask: Asker, where: str, genuine: Mapping[str, str], limit_bytes: int) -> None:
    """Everything that can be wrong with a body, and with the token that comes with it."""
    send = partial(ask, where=where)
    for token in ({"Authorization": f"Bearer {CANARY}"}, {"Authorization": f"{CANARY}.{CANARY}.{CANARY}"}):
        assert await send(headers={**genuine, **token}, body=events()) == 401
    assert await send(headers=genuine, body=CANARY.encode()) == 400
    assert await send(headers=genuine, body=events()[:10], declared=100) == 408
    assert await send(headers=genuine, declared=limit_bytes + 1) == 413
    assert await send(headers=genuine, body=events(101)) == 413
    assert await send(headers={**genuine, "Content-Type": f"text/{CANARY}"}, body=events()) == 415
    assert await send(headers={**genuine, "Content-Encoding": CANARY}, body=events()) == 415


async def ask_until_held_off(ask: Asker, where: str, refusal: int = 401) -> None:
    for _ in range(FAILURES_PER_MINUTE):
        assert await ask(where=where, headers=SOURCE) == refusal
    assert await ask(where=where, headers=SOURCE) == 429


async def ringing(bench: Any) -> Any:
    """A call that we answered, and whose media the network can not bring."""
    plan = CallPlan(behaviour=(WaitAgent(60.0),), switches=PhoneSwitches(media_refused=100))
    live = await bench.phone.start_call(plan)
    await asyncio.sleep(1.0)
    assert len(bench.gateway.supervisor) == 1
    return live


PROVOKERS: dict[tuple[str, str], Callable[[Asker], Awaitable[None]]] = {
    (EVENTS, "OPTIONS"): ask_handshake,
    (EVENTS, "POST"): ask_events,
    (CALLBACKS, "POST"): ask_callbacks,
    (CLIP, "GET"): ask_clip,
    (CLIP, "HEAD"): ask_clip,
    (MEDIA, "GET"): ask_media,
    **{
        (path, method): ask_operator
        for path in ("/metrics", "/livez", "/startupz", "/readyz")
        for method in ("GET", "HEAD")
    },
    **dict.fromkeys(COMMANDS, ask_command),
    (EVERYWHERE, ""): ask_everywhere,
}


# --- the tests ----------------------------------------------------------------------------------------------------


def routes_of(definitions: Iterable[web.AbstractRouteDef]) -> set[tuple[str, str]]:
    """What an application of these routes serves, with the HEAD that comes with a GET."""
    app = web.Application()
    app.add_routes(definitions)
    return {(route.resource.canonical, route.method) for route in app.router.routes() if route.resource is not None}


def test_the_document_has_the_addresses_of_both_listeners_and_no_other() -> None:
    documented = operations().keys() - {(EVERYWHERE, "")}
    of_operator = {key for key in documented if "servers" in DOCUMENT["paths"][key[0]]}

    assert documented - of_operator == routes_of(ROUTES)
    assert of_operator == routes_of([*probes.routes, *operate.routes])


def test_the_document_names_every_sentence_that_can_be_fetched() -> None:
    assert DOCUMENT["components"]["schemas"]["ClipName"]["enum"] == [phrase.value for phrase in Phrase]


def test_every_reference_of_the_document_leads_somewhere() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            resolved(node)
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            walk(child)

    walk(DOCUMENT)


@pytest.mark.parametrize(("path", "method"), sorted(operations()))
def test_every_answer_is_promised_and_every_promise_is_kept(
    run_bench: Run, tmp_path: Path, path: str, method: str
) -> None:
    (tmp_path / "event.key").write_text(SECRET)

    def adapt(config: Json) -> None:
        config["server"] |= {"trusted_proxies": 1, "operator_key_file": "event.key"}
        config["event_grid"]["secret"] = {"key_files": ["event.key"]}

    async def test(bench: Any) -> None:
        ask = Asker(bench, path, method)
        await PROVOKERS[path, method](ask)
        excused = {status for *operation, status in NOT_PROVOKED if tuple(operation) == (path, method)}
        assert ask.seen | excused == {int(status) for status in operations()[path, method]}
        metrics = await bench.wire(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port=bench.gateway.metrics_port
        )
        assert CANARY not in metrics.decode().lower(), "nor does a stranger name a metric's label"
        assert bench.count("gateway_bug_total") == 0

    run_bench(test, adapt)
