"""What a client has to bear besides answers: unknown events, and things that are no events."""

from __future__ import annotations

from gateway.simulator.voice_live.options import Faults, Garbage
from gateway.simulator.voice_live.outbox import Outbox, SendRaw


def sprinkle(outbox: Outbox, faults: Faults, response_id: str) -> None:
    """Send what the faults ask for, once for a response that has just been created."""
    if faults.unknown_events:
        limit = {"name": "tokens", "limit": 120000, "remaining": 119000, "reset_seconds": 1.0}
        outbox.send("rate_limits.updated", rate_limits=[limit])
        outbox.send("response.mood.updated", mood="bright")
    for garbage in sorted(faults.garbage):
        match garbage:
            case Garbage.INVALID_JSON:
                outbox.do(SendRaw(b'{"type": "response.audio.delta", "delta": ', binary=False))
            case Garbage.BINARY:
                outbox.do(SendRaw(bytes(64), binary=True))
            case Garbage.NO_TYPE:
                outbox.do(SendRaw(b'{"event_id": "event_0", "kind": "what"}', binary=False))
            case Garbage.BAD_BASE64:
                place = {"response_id": response_id, "item_id": "item_0", "output_index": 0, "content_index": 0}
                outbox.send("response.audio.delta", **place, delta="not base64!")
