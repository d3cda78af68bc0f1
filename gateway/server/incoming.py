"""POST /events/incoming-call: what the phone network tells us about calls that ring.

Event Grid and CloudEvents, single or batched, and both handshakes. The answer is a receipt: 200 when every call in the
body has been dealt with, 500 when one should come again; a copy of a call that was dealt with is harmless.
"""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web

from gateway.bounds import MAX_EVENT_GRID_BYTES
from gateway.calls.offer import Offers, Undecided
from gateway.errors import BadMessage
from gateway.outcome import Outcome
from gateway.server.bodies import check_declared_size, check_json, read_body
from gateway.server.keys import GUARD, HANDSHAKES, LIVE, SUBSCRIPTIONS, TELEMETRY
from gateway.server.problems import bare_problem, problem
from gateway.telemetry.observer import Telemetry
from gateway.wire import event_grid

VALIDATION_HEADER = "aeg-event-type"

log = structlog.get_logger()

routes = web.RouteTableDef()


@routes.options("/events/incoming-call")
async def allow_cloud_events(request: web.Request) -> web.Response:
    """The CloudEvents handshake: permission to send is asked for, and can not be proved; so it is not asked often."""
    headers = event_grid.handshake_headers(request.headers.get("WebHook-Request-Origin", ""))
    if headers is None:
        raise problem(web.HTTPBadRequest, "origin", "WebHook-Request-Origin is missing or unknown.")
    if not request.app[HANDSHAKES].take():
        raise problem(web.HTTPTooManyRequests, headers={"Retry-After": "60"})
    return web.Response(status=200, headers=headers)


@routes.post("/events/incoming-call")
async def receive_events(request: web.Request) -> web.Response:
    telemetry = request.app[TELEMETRY]
    check_declared_size(request, MAX_EVENT_GRID_BYTES)
    await request.app[GUARD].event_delivery(request)
    check_json(request)
    body = await read_body(request, MAX_EVENT_GRID_BYTES)
    try:
        items = event_grid.parse(body)
    except BadMessage as error:
        telemetry.event("malformed")
        if error.kind == "too_many":
            raise problem(web.HTTPRequestEntityTooLarge, "too-many", "Too many events at once.") from error
        raise problem(web.HTTPBadRequest, "events", "The body is not a list of events.") from error
    if len(items) == 1 and isinstance(items[0], event_grid.Validation):
        return _validated(request, items[0])
    calls = [item for item in items if isinstance(item, event_grid.IncomingCall)]
    for item in items:
        match item:
            case event_grid.Ignored():
                telemetry.event("other")
            case event_grid.Bad() | event_grid.Validation():  # a validation comes alone, or calls would wait for it
                telemetry.event("bad_item")
            case _:
                pass
    offers = request.app[LIVE].current.offers
    decided = await asyncio.gather(*(_offer(offers, telemetry, call) for call in calls))
    return web.Response() if all(decided) else bare_problem(500)


def _validated(request: web.Request, validation: event_grid.Validation) -> web.Response:
    """Event Grid asks whether it may send here: yes, for a subscription of ours.

    Raises:
        web.HTTPException: 403 for anybody else's.
    """
    telemetry = request.app[TELEMETRY]
    asked = request.headers.get(VALIDATION_HEADER, "") == event_grid.VALIDATION_TYPE
    if not asked or validation.subscription not in request.app[SUBSCRIPTIONS]:
        telemetry.event("bad_item")
        raise problem(web.HTTPForbidden, "subscription", "This subscription is not known here.")
    telemetry.event("validation")
    return web.json_response(event_grid.validation_reply(validation))


async def _offer(offers: Offers, telemetry: Telemetry, call: event_grid.IncomingCall) -> bool:
    """Deal with one call; False when the network should tell us about it again."""
    telemetry.event("incoming_call")
    telemetry.headers_ignored(call.headers_ignored)
    try:
        outcome = await offers.consider(call)
    except Undecided as error:
        log.warning("offer.undecided", cause=str(error))
        return False
    if isinstance(outcome, Outcome):
        telemetry.attempt_ended(outcome)
        log.info("offer.ended", result=outcome.result.value, reason=outcome.reason.value)
    return True
