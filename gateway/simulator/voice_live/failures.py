"""How a response fails, on the wire. None of these forms was recorded; they follow the official client's models."""

from __future__ import annotations

from gateway.simulator.voice_live.options import ResponseFaultKind
from gateway.simulator.voice_live.record import Json

MIDWAY: dict[ResponseFaultKind, tuple[str, Json]] = {
    ResponseFaultKind.CONTENT_FILTER: ("incomplete", {"type": "incomplete", "reason": "content_filter"}),
    ResponseFaultKind.SERVER_ERROR: (
        "failed",
        {"type": "failed", "error": {"type": "server_error", "code": "server_error", "message": "The server failed."}},
    ),
    ResponseFaultKind.SPEECH_SYNTHESIS: (
        "failed",
        {
            "type": "failed",
            "error": {"type": "server_error", "code": "speech_synthesis_error", "message": "Speech synthesis failed."},
        },
    ),
}
RATE_LIMITED: Json = {
    "type": "failed",
    "error": {
        "type": "server_error",
        "code": "rate_limit_exceeded",
        "message": "The model deployment has exceeded its rate limit.",
    },
}
FILTERED: Json = {
    "type": "failed",
    "error": {"type": "invalid_request_error", "code": "content_filter", "message": "The content was filtered."},
}
AT_ONCE: dict[ResponseFaultKind, Json] = {
    ResponseFaultKind.RATE_LIMITED: RATE_LIMITED,
    ResponseFaultKind.CONTENT_FILTER_FAILED: FILTERED,
}
