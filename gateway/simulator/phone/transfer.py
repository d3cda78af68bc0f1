"""Blind transfer: the call is offered to somebody else, and meanwhile stays where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.simulator.phone import shapes
from gateway.simulator.phone.connection import Connection
from gateway.simulator.phone.shapes import ApiError, Json, Reply, bad_request, reply_with_context
from gateway.simulator.phone.switches import TransferOutcome
from gateway.simulator.phone.targets import Headers, Target, parse_headers, parse_number, parse_target
from gateway.simulator.phone.tasks import TaskOwner


@dataclass(slots=True)
class TransferRequest:
    """One transferToParticipant that was taken."""

    target: Target
    source_caller_id: str | None
    headers: Headers
    operation_context: str | None
    at: float
    outcome: TransferOutcome | None = None
    """None: the call was over before"""
    outcome_at: float | None = None


class Transfers:
    """The transfers of one call.

    Args:
        connection: of the answered call.
        end: ends the call, with its reason.
        clock: monotonic seconds.
        tasks: owns what goes on in the background.
    """

    def __init__(
        self, connection: Connection, end: Callable[[str], None], clock: Callable[[], float], tasks: TaskOwner
    ) -> None:
        self._connection = connection
        self._end = end
        self._clock = clock
        self._tasks = tasks
        self.requests: list[TransferRequest] = []

    def request(self, body: Json) -> Reply:
        """Take a transfer; its outcome comes as an event.

        Raises:
            ApiError: the request is not one the service takes, another transfer runs, or the call is not connected.
        """
        target = parse_target(body.get("targetParticipant"), "targetParticipant")
        source = body.get("sourceCallerIdNumber")
        if source is None and target.kind == "phoneNumber":
            raise bad_request("sourceCallerIdNumber is needed where the target is a phone number.")
        number = None if source is None else parse_number(source, "sourceCallerIdNumber")
        headers = parse_headers(body.get("customCallingContext"))
        if self._connection.state == "connecting":
            raise ApiError(400, 8501, "The call is not established.")
        if self._connection.state != "connected":
            raise ApiError(409, 8607, "Another transfer is under way.")
        self._connection.state = "transferring"
        request = TransferRequest(target, number, headers, body.get("operationContext"), self._clock())
        self.requests.append(request)
        outcomes = self._connection.leg.plan.switches.transfer
        self._tasks.spawn(self._finish(request, outcomes[min(len(self.requests), len(outcomes)) - 1], body))
        return reply_with_context(202, body)

    async def _finish(self, request: TransferRequest, outcome: TransferOutcome, body: Json) -> None:
        connection = self._connection
        switches = connection.leg.plan.switches
        await asyncio.sleep(switches.transfer_s)
        request.outcome, request.outcome_at = outcome, self._clock()
        if outcome == "no_event":
            if switches.transfer_unseen == "gone":
                self._end("transferred")
            else:
                connection.state = switches.transfer_unseen
        elif outcome == "failed":
            connection.state = "connected"
            information = shapes.result(486, 8539, "The target is busy.")
            await connection.events.post_outcome("CallTransferFailed", {"resultInformation": information}, body)
        else:
            connection.state = "transferAccepted"
            data = {
                "transferTarget": body["targetParticipant"],
                "transferee": body.get("transferee") or connection.leg.caller,
                "resultInformation": shapes.result(200, 7015, "The transfer operation completed successfully."),
            }
            await connection.events.post_outcome("CallTransferAccepted", data, body)
            self._end("transferred")
