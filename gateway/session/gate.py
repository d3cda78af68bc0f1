"""One response at a time: the gate before every `response.create`.

    idle ──ask──> requested ──created──> active ──done──> idle
      └──────────created (the service's own turn)──^

The service refuses a second response while one is active, and a refused request never gets a `response.done`, so a
request must also be given up when an error names it. What is asked for while the gate is not idle waits.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from gateway.session.effects import CreateResponse

MAX_WAITING = 4
"""More than a few queued requests means that nobody answers; the oldest is then no longer worth saying."""

BUSY_CODE = "conversation_already_has_active_response"


class GateState(StrEnum):
    IDLE = "idle"
    REQUESTED = "requested"
    ACTIVE = "active"


class ResponseGate:
    """Says which request may be sent now; the session sends what it returns."""

    def __init__(self) -> None:
        self._state = GateState.IDLE
        self._requested: CreateResponse | None = None
        self._response_id: str | None = None
        self._waiting: deque[CreateResponse] = deque(maxlen=MAX_WAITING)
        self._withdrawn: str | None = None
        self._other_over = False
        """the response that was active when ours was sent has ended; the refusal may still be on its way"""
        self._names_requests = False
        """the service tells which request a response answers"""
        self.closed = False
        """the model is gone"""

    def __repr__(self) -> str:
        return f"<ResponseGate {self._state} waiting={len(self._waiting)}>"

    @property
    def state(self) -> GateState:
        return self._state

    @property
    def response_id(self) -> str | None:
        """The response being generated."""
        return self._response_id

    @property
    def idle(self) -> bool:
        return self._state is GateState.IDLE and not self._waiting

    def ask(self, request: CreateResponse) -> CreateResponse | None:
        """Send `request` now if it is returned; otherwise it waits its turn, or nobody is there to answer it."""
        if self.closed:
            return None
        self._waiting.append(request)
        return self._next()

    def created(self, response_id: str, request_id: str = "") -> CreateResponse | None:
        """A response began.

        A turn of the caller may end in the moment in which a request is on its way: then the service answers the turn
        and refuses the request. Once it has been seen to name requests, what it does not name is an answer to a turn.

        Args:
            response_id: of the response.
            request_id: of the request it answers, where the service says so.

        Returns:
            The request of ours that it answers, None if it is the service's own turn.
        """
        self._names_requests = self._names_requests or bool(request_id)
        self._state, self._response_id = GateState.ACTIVE, response_id
        request = self._requested
        if request is None or request_id not in (request.event_id, "") or (not request_id and self._names_requests):
            return None
        self._requested = None
        return request

    def done(self, response_id: str) -> CreateResponse | None:
        """A response ended; returns the next request to send, if one waits."""
        if self._state is GateState.ACTIVE and response_id != self._response_id:
            return None  # the late end of an earlier response
        if self._state is GateState.REQUESTED:
            return None  # ours has not begun yet, so this is another's end
        self._response_id = None
        self._other_over = self._requested is not None
        self._state = GateState.REQUESTED if self._other_over else GateState.IDLE
        return self._next()

    def refused(self, event_id: str, code: str) -> tuple[bool, CreateResponse | None]:
        """An error named a client event.

        Returns:
            Whether it was our request that was refused for good, and the next request to send, if any. A request
            that came while the service's own response was active is kept and sent again when that has ended.
        """
        request = self._requested
        if request is None or not event_id or request.event_id != event_id:
            return False, None
        self._requested = None
        if code == BUSY_CODE:
            if event_id == self._withdrawn:
                self._withdrawn = None
            else:
                self._waiting.appendleft(request)
            if self._other_over:
                self._state = GateState.IDLE
                return False, self._next()
            self._state = GateState.ACTIVE  # its id follows with the events of that response
            return False, None
        self._state = GateState.IDLE
        return True, self._next()

    def forget_waiting(self) -> None:
        """What waited was about a turn that is over (the caller spoke again); sentences of ours are about none."""
        self._waiting = deque((request for request in self._waiting if request.say is not None), MAX_WAITING)

    def withdraw(self, event_id: str) -> None:
        """A request that nobody wants any more, whether it waits or has been sent."""
        self._waiting = deque((request for request in self._waiting if request.event_id != event_id), MAX_WAITING)
        if self._requested is not None and self._requested.event_id == event_id:
            self._withdrawn = event_id

    def take_withdrawn(self, request: CreateResponse | None) -> bool:
        """Whether the response that has just begun answers a request that was withdrawn after it was sent."""
        if request is None or request.event_id != self._withdrawn:
            return False
        self._withdrawn = None
        return True

    def close(self) -> None:
        """The model is gone: no response will end any more, and none begin."""
        self.closed = True
        self._state, self._requested, self._response_id = GateState.IDLE, None, None
        self._waiting.clear()

    def _next(self) -> CreateResponse | None:
        if self._state is not GateState.IDLE or not self._waiting:
            return None
        self._requested = self._waiting.popleft()
        self._other_over = False
        self._state = GateState.REQUESTED
        return self._requested
