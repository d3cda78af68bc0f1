"""POST /calls/{ticket}/events: what the phone network tells us about a call that we answered.

Acknowledged at once. Events come late, twice and in any order; one that cannot be understood never spoils the others,
one that names another call spoils them all.
"""

from __future__ import annotations

from aiohttp import web

from gateway.bounds import MAX_CALLBACK_BYTES
from gateway.calls.live import LiveCall
from gateway.errors import BadMessage
from gateway.server.bodies import check_declared_size, check_json, read_body
from gateway.server.keys import GUARD, SUPERVISOR, TELEMETRY
from gateway.server.problems import problem
from gateway.session.events import DigitsSent, PlayOver, TransferAccepted, TransferFailed
from gateway.telemetry.labels import Door
from gateway.wire import call_automation
from gateway.wire.ticket import Purpose

routes = web.RouteTableDef()


@routes.post("/calls/{ticket}/events")
async def receive_callbacks(request: web.Request) -> web.Response:
    telemetry, guard = request.app[TELEMETRY], request.app[GUARD]
    check_declared_size(request, MAX_CALLBACK_BYTES)
    ticket = guard.ticket(request, Purpose.CALLBACKS)
    await guard.callback_token(request, ticket)
    check_json(request)
    body = await read_body(request, MAX_CALLBACK_BYTES)
    try:
        events = call_automation.parse(body)
    except BadMessage as error:
        telemetry.callback("malformed")
        if error.kind == "too_many":
            raise problem(web.HTTPRequestEntityTooLarge, "too-many", "Too many events at once.") from error
        raise problem(web.HTTPBadRequest, "events", "The body is not a list of events.") from error
    call = request.app[SUPERVISOR].get(ticket.call_id)
    if call is not None and not all(call.bind(event.call_connection_id) for event in events):
        guard.refuse_binding(request, Door.CALLBACKS)
    if call is None:
        telemetry.callbacks_unknown(len(events))
    for event in events:
        telemetry.callback(event.kind)
        if call is not None:
            deliver(call, event)
    return web.Response(status=200)


def deliver(call: LiveCall, event: call_automation.CallbackEvent) -> None:
    match event:
        case call_automation.CallConnected(call_connection_id=str(connection_id)):
            call.answered(connection_id)
        case call_automation.CallDisconnected() | call_automation.AnswerFailed():
            call.on_call_ended()
        case call_automation.MediaStreamingFailed(status_details=details):
            call.on_media_failed(details)
        case call_automation.CallTransferAccepted(attempt=attempt):
            call.on_event(TransferAccepted(attempt))
        case call_automation.CallTransferFailed(code=code, attempt=attempt):
            call.on_event(TransferFailed(call_automation.why_not_connected(code), attempt))
        case call_automation.PlayEnded():
            call.on_event(PlayOver())
        case call_automation.SendDtmfTonesOver(sent=sent):
            call.on_event(DigitsSent(sent))
        case _:
            pass  # counted; nothing to decide
