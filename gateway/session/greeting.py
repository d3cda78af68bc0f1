"""The greeting is made while the phone rings and heard as soon as the line is open.

The text is handed to the service as a prepared message, which asks no model and costs no provisioned throughput.
A service that refuses this is asked for a normal response that says the text.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.session.effects import CreateResponse

PREPARED_EVENT_ID = "greeting"
ASKED_EVENT_ID = "greeting-asked"


class Way(StrEnum):
    """How the greeting came about; a metric label."""

    PRE_GENERATED = "pre_generated"
    RESPONSE = "response"
    NONE = "none"


class Greeting:
    """Which request to make next for the greeting, and which way led to it."""

    def __init__(self, text: str | None) -> None:
        self._text = text
        self.way = Way.NONE

    def prepare(self) -> CreateResponse | None:
        if self._text is None:
            return None
        self.way = Way.PRE_GENERATED
        return CreateResponse(event_id=PREPARED_EVENT_ID, say=self._text)

    def refused(self, event_id: str) -> CreateResponse | None:
        """An error named `event_id`; the next way to try, if there is one."""
        if self._text is None or event_id not in (PREPARED_EVENT_ID, ASKED_EVENT_ID):
            return None
        if event_id == ASKED_EVENT_ID:
            self.way = Way.NONE
            return None
        self.way = Way.RESPONSE
        return CreateResponse(
            event_id=ASKED_EVENT_ID,
            instructions=f"Greet the caller with exactly this sentence and nothing else: {self._text}",
        )
