"""POST /calls/{ticket}/events: what the phone network tells us about a call that we answered.

Acknowledged at once. Events come late, twice and in any order; one that cannot be understood never spoils the others.
"""

from __future__ import annotations

from aiohttp import web

from gateway.calls.conversation import Conversation
from gateway.errors import BadMessage
from gateway.server.bodies import problem, read_body
from gateway.server.keys import SUPERVISOR, TELEMETRY, TICKETS, WALL_CLOCK
from gateway.wire import call_automation
from gateway.wire.ticket import Purpose

MAX_BODY_BYTES = 256 * 1024

routes = web.RouteTableDef()


@routes.post("/calls/{ticket}/events")
async def receive_callbacks(request: web.Request) -> web.Response:
    telemetry = request.app[TELEMETRY]
    try:
        wall_now = request.app[WALL_CLOCK]()
        ticket = request.app[TICKETS].verify(request.match_info["ticket"], Purpose.CALLBACKS, wall_now)
    except BadMessage as error:
        telemetry.ticket_refused(error.kind)
        raise problem(web.HTTPNotFound, "not-found", "There is nothing here.") from None
    body = await read_body(request, MAX_BODY_BYTES)
    try:
        events = call_automation.parse(body)
    except BadMessage as error:
        telemetry.callback("malformed")
        raise problem(web.HTTPBadRequest, "events", "The body is not a list of events.") from error
    call = request.app[SUPERVISOR].get(ticket.call_id)
    for event in events:
        telemetry.callback(event.kind)
        if call is not None:
            deliver(call, event)
    return web.Response(status=200)


def deliver(call: Conversation, event: call_automation.CallbackEvent) -> None:
    match event:
        case call_automation.CallConnected(call_connection_id=str(connection_id)):
            call.answered(connection_id)
        case call_automation.CallDisconnected() | call_automation.AnswerFailed():
            call.on_call_ended()
        case call_automation.MediaStreamingFailed(status_details=details):
            call.on_media_failed(details)
        case _:
            pass  # counted; nothing to decide
