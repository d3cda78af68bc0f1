"""Call Automation's REST interface, as far as a gateway uses it: paths, statuses, signatures, repeatability, faults."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from aiohttp import web

from gateway.simulator.phone.call import PhoneCall
from gateway.simulator.phone.shapes import ApiError, Json, Reply, bad_request, call_over
from gateway.simulator.phone.signature import SignedRequest, refusal
from gateway.simulator.phone.targets import parse_target

_ROOT = "/calling/callConnections"
_PATH = re.compile(
    rf"{_ROOT}(?::(?P<verb>\w+)|/(?P<id>[0-9a-zA-Z-]+)(?::(?P<action>\w+)|(?P<people>/participants)(?:/(?P<person>.+))?)?)"
)
_HANG_S = 600.0
"""Longer than any client waits."""
_REPEATABILITY = "Repeatability-Request-ID"


@dataclass(frozen=True, slots=True)
class RequestNote:
    """One request as it arrived; without its body, which holds secrets of the call."""

    at: float
    method: str
    path: str
    status: int
    """0: never answered"""
    repeatability_id: str | None
    first_sent: str | None
    client_request_id: str | None


class CallAutomation:
    """The REST interface over the calls of a network.

    Args:
        key: decoded access key.
        by_context: the call of an incomingCallContext, None where there is none.
        by_id: the call of a connection id, None where there is none.
        clock: monotonic seconds.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        key: bytes,
        by_context: Callable[[str], PhoneCall | None],
        by_id: Callable[[str], PhoneCall | None],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._key = key
        self._by_context = by_context
        self._by_id = by_id
        self._clock = clock
        self._wall = wall
        self._replies: dict[tuple[str, str], Reply] = {}
        self._faults_done: dict[str, int] = {}
        self._closing = asyncio.Event()
        self.requests: list[RequestNote] = []

    def close(self) -> None:
        """Let go of requests that hang on purpose."""
        self._closing.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request below /calling."""
        began = self._clock()
        body = await request.read()
        status = 0
        try:
            reply = await self._answer_request(request, body)
            status = reply.status
            return _response(reply)
        except ApiError as error:
            status = error.status
            return _error_response(error)
        finally:
            headers = request.headers
            self.requests.append(
                RequestNote(
                    began,
                    request.method,
                    request.path,
                    status,
                    headers.get(_REPEATABILITY),
                    headers.get("Repeatability-First-Sent"),
                    headers.get("x-ms-client-request-id"),
                )
            )

    async def _answer_request(self, request: web.Request, body: bytes) -> Reply:
        signed = SignedRequest(request.method, request.raw_path, request.headers, body)
        reason = refusal(self._key, signed, datetime.fromtimestamp(self._wall(), UTC))
        if reason is not None:
            raise ApiError(401, 7509, f"HMAC validation failed: {reason}")
        version = request.query.get("api-version")
        if not version:
            raise bad_request("The api-version query parameter is missing.")
        path = _PATH.fullmatch(request.path)
        if path is None:
            raise _no_such_path()
        document = _parse(body)
        if path["verb"]:
            return await self._on_incoming(path["verb"], document, version, request)
        return self._repeatable(request, lambda: self._on_call(request.method, path, document))

    async def _on_incoming(self, verb: str, body: Json, version: str, request: web.Request) -> Reply:
        """Answer, reject and redirect: what the context of an incoming call is for."""
        if request.method != "POST" or verb not in ("answer", "reject", "redirect"):
            raise _no_such_path()
        context = body.get("incomingCallContext")
        if not context:
            raise bad_request("incomingCallContext is missing.")
        call = self._by_context(str(context))
        if call is None:
            raise call_over()
        if verb == "answer":
            return await self._answer(call, body, version, request)

        def refuse() -> Reply:
            if verb == "reject":
                call.reject()
            else:
                call.redirect(parse_target(body.get("target"), "target"))
            return Reply(204)

        return self._repeatable(request, refuse)

    async def _answer(self, call: PhoneCall, body: Json, version: str, request: web.Request) -> Reply:
        call.times.setdefault("answer_requested", self._clock())
        fault, _, detail = self._next_fault(call).partition(":")
        try:
            await self._fail_before(fault, detail, request)
            reply = Reply(200, call.answer(body, version))
        except ApiError as error:
            call.answers.append((self._clock(), error.status))
            raise
        if fault == "lost":
            call.answers.append((self._clock(), 0))
            await self._pause(_HANG_S)
        call.answers.append((self._clock(), 200))
        return reply

    def _next_fault(self, call: PhoneCall) -> str:
        """Each request for an answer uses up one fault of the call."""
        faults = call.plan.switches.answer_faults
        done = self._faults_done.get(call.ids.context, 0)
        self._faults_done[call.ids.context] = done + 1
        return faults[done] if done < len(faults) else ""

    async def _fail_before(self, fault: str, detail: str, request: web.Request) -> None:
        """What befalls a request before it is carried out."""
        if fault == "429":
            raise ApiError(429, 8516, "Too many requests.", retry_after_s=float(detail or 1))
        if fault in ("500", "503"):
            raise ApiError(int(fault), 9999, "The service failed.")
        if fault == "404":
            raise call_over()
        if fault == "reset" and request.transport is not None:
            request.transport.abort()
            raise ApiError(500, 9999, "Never seen: the connection was reset.")
        if fault == "hang":
            await self._pause(_HANG_S)
            raise ApiError(503, 9999, "Nobody waits any more.")
        if fault == "delay":
            await self._pause(float(detail or 1))

    async def _pause(self, delay_s: float) -> None:
        """Let a request wait; a network that closes lets it go at once."""
        try:
            async with asyncio.timeout(delay_s):
                await self._closing.wait()
        except TimeoutError:
            return

    def _on_call(self, method: str, path: re.Match[str], body: Json) -> Reply:
        call = self._by_id(path["id"])
        if call is None:
            raise call_over()
        if method == "POST" and path["action"]:
            return call.operations.perform(path["action"], body)
        connection = call.connection
        if method == "DELETE" and not path["people"]:
            return call.operations.leave()
        if method != "GET" or path["action"]:
            raise _no_such_path()
        if not path["people"]:
            return Reply(200, connection.properties())
        people = connection.participants()
        if path["person"] is None:
            return Reply(200, {"value": people})
        for person in people:
            if person["identifier"]["rawId"] == path["person"]:
                return Reply(200, person)
        raise call_over()

    def _repeatable(self, request: web.Request, act: Callable[[], Reply]) -> Reply:
        """The first response again, where the same request came before."""
        request_id = request.headers.get(_REPEATABILITY)
        if request_id is None:
            return act()
        key = (request.path, request_id)
        if key not in self._replies:
            self._replies[key] = act()
        return self._replies[key]


def _parse(body: bytes) -> Json:
    if not body:
        return {}
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_request("The body is not JSON.") from None
    if not isinstance(document, dict):
        raise bad_request("The body is not a JSON object.")
    return document


def _no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "No HTTP resource was found that matches the request.")


def _response(reply: Reply) -> web.Response:
    if reply.body is None:
        return web.Response(status=reply.status)
    return web.Response(status=reply.status, body=orjson.dumps(reply.body), content_type="application/json")


def _error_response(error: ApiError) -> web.Response:
    headers = {} if error.retry_after_s is None else {"Retry-After": f"{error.retry_after_s:g}"}
    return web.Response(
        status=error.status, body=orjson.dumps(error.body), content_type="application/json", headers=headers
    )
