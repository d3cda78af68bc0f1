"""The life of a call after its model is ready, as a table.

    connecting ──opened──> bridged ──closing──> closing ──ended──> ended
        │                    │ ^                   ^
        │            detached│ │opened             │ closing
        │                    v │                   │
        │                   detached ──────────────┤
        └──────────────────────────────────────────┘

`connecting`: answered or ringing, no media yet. `detached`: the media socket was lost and may come back.
`closing`: the hang-up is asked for. From every state `ended` ends the call. Whose turn it is lives elsewhere
(`turns.py`), and so does what may be asked of the model (`gate.py`): three small machines instead of one large one.
"""

from __future__ import annotations

from enum import StrEnum


class CallState(StrEnum):
    CONNECTING = "connecting"
    BRIDGED = "bridged"
    DETACHED = "detached"
    CLOSING = "closing"
    ENDED = "ended"


class Step(StrEnum):
    OPENED = "opened"
    DETACHED = "detached"
    CLOSING = "closing"
    ENDED = "ended"


TRANSITIONS: dict[tuple[CallState, Step], CallState] = {
    (CallState.CONNECTING, Step.OPENED): CallState.BRIDGED,
    (CallState.CONNECTING, Step.CLOSING): CallState.CLOSING,
    (CallState.CONNECTING, Step.ENDED): CallState.ENDED,
    (CallState.BRIDGED, Step.OPENED): CallState.BRIDGED,  # a new socket took over
    (CallState.BRIDGED, Step.DETACHED): CallState.DETACHED,
    (CallState.BRIDGED, Step.CLOSING): CallState.CLOSING,
    (CallState.BRIDGED, Step.ENDED): CallState.ENDED,
    (CallState.DETACHED, Step.OPENED): CallState.BRIDGED,
    (CallState.DETACHED, Step.CLOSING): CallState.CLOSING,
    (CallState.DETACHED, Step.ENDED): CallState.ENDED,
    (CallState.CLOSING, Step.ENDED): CallState.ENDED,
}


def advance(state: CallState, step: Step) -> CallState:
    """The next state; a step that has no meaning in a state changes nothing (events come in any order)."""
    return TRANSITIONS.get((state, step), state)
