"""Keys of the telephone in both directions: recognised in the caller's audio, and sent to the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.simulator.phone import shapes
from gateway.simulator.phone.connection import Connection
from gateway.simulator.phone.shapes import ApiError, Json, Reply, bad_request, reply_with_context
from gateway.simulator.phone.switches import SendTones
from gateway.simulator.phone.tasks import TaskOwner

MOST_TONES = 18
"""Of one request (Microsoft Learn, mid-call media actions)."""
_WORDS = frozenset(shapes.TONES.values())
_TONE_S = 0.25
"""A tone and the pause after it."""


@dataclass(slots=True)
class SentTones:
    """One sendDtmfTones that was taken."""

    tones: tuple[str, ...]
    """words: zero to nine, a to d, pound, asterisk"""
    at: float
    outcome: SendTones | None = None
    """None: the call was over before"""
    outcome_at: float | None = None


class Tones:
    """The tone operations of one call.

    Args:
        connection: of the answered call.
        clock: monotonic seconds.
        tasks: owns what goes on in the background.
    """

    def __init__(self, connection: Connection, clock: Callable[[], float], tasks: TaskOwner) -> None:
        self._connection = connection
        self._clock = clock
        self._tasks = tasks
        self.sent: list[SentTones] = []
        self._sending = False

    def send(self, body: Json) -> Reply:
        """Send tones to the caller's telephone.

        Raises:
            ApiError: the request is not one the service takes, others are being sent, or nobody can hear them.
        """
        tones = _tones(body.get("tones"))
        self._check_target(body)
        if self._connection.leg.caller["kind"] != "phoneNumber":
            raise bad_request("Tones can only be sent to a participant on the telephone network.")
        self.refuse_while_sending()
        self._sending = True
        sent = SentTones(tones, self._clock())
        self.sent.append(sent)
        self._tasks.spawn(self._finish(sent, body))
        return reply_with_context(202, body)

    def start_recognition(self, body: Json) -> Reply:
        """Post every key of the caller as an event.

        Raises:
            ApiError: nobody is named whose keys they are, or tones are being sent.
        """
        self._check_target(body)
        self.refuse_while_sending()
        self._connection.digit_callbacks = True
        return Reply(200)

    def stop_recognition(self, body: Json) -> Reply:
        self._connection.digit_callbacks = False
        events = self._connection.events
        self._tasks.spawn(
            events.post_outcome("ContinuousDtmfRecognitionStopped", {"resultInformation": shapes.DONE}, body)
        )
        return Reply(200)

    def refuse_while_sending(self) -> None:
        """Tones being sent, tones to send, recognition and playing to one participant exclude each other.

        Raises:
            ApiError: tones are being sent.
        """
        if self._sending:
            raise ApiError(412, 8583, "Another media operation with this participant is in progress.")

    async def _finish(self, sent: SentTones, body: Json) -> None:
        await asyncio.sleep(_TONE_S * len(sent.tones))
        self._sending = False
        sent.outcome, sent.outcome_at = self._connection.leg.plan.switches.send_tones, self._clock()
        if sent.outcome == "completed":
            kind, information = "SendDtmfTonesCompleted", shapes.DONE
        else:
            kind, information = "SendDtmfTonesFailed", shapes.result(500, 9999, "The tones could not be sent.")
        await self._connection.events.post_outcome(kind, {"resultInformation": information}, body)

    def _check_target(self, body: Json) -> None:
        """It has to be the caller: nobody else in the call has keys."""
        target, caller = body.get("targetParticipant"), self._connection.leg.caller
        if not isinstance(target, dict):
            raise bad_request("targetParticipant is missing.")
        if target.get("rawId") != caller["rawId"] and target.get(caller["kind"]) != caller[caller["kind"]]:
            raise shapes.call_over()


def _tones(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_TONES:
        raise bad_request(f"tones must be a list of 1 to {MOST_TONES}.")
    if not all(isinstance(tone, str) and tone in _WORDS for tone in raw):
        raise bad_request(f"A tone is one of {', '.join(sorted(_WORDS))}.")
    return tuple(raw)
