"""Coverage-guided fuzzing of everything that reads bytes of strangers. Run by hand; it is no part of the test suite.

atheris is no dependency of the project. In a virtual environment of its own (Python 3.11):

    python3.11 -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris msgspec orjson pybase64 numpy
    PYTHONPATH=. /tmp/fuzz/bin/python tests/fuzz/fuzz_wire.py TARGET -max_total_time=60

TARGET is media, model, events, callbacks or ticket; what follows it goes to libFuzzer. An exception that is not
BadMessage, or a broken promise of a codec, ends the run with the input that caused it.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable

import atheris  # type: ignore[import-untyped]  # by hand only, see above

with atheris.instrument_imports(include=["gateway"]):
    from gateway.audio.payload import MAX_DELTA_BYTES, decode_payload
    from gateway.audio.pcm import PCM16_16K
    from gateway.errors import BadMessage
    from gateway.session.effects import TruncateItem
    from gateway.session.events import AudioDelta, PhoneAudio
    from gateway.wire import call_automation, event_grid, media_stream, voice_live
    from gateway.wire.ticket import Purpose, Subject, TicketKeys
    from gateway.wire.voice_live import encode

KEYS = TicketKeys(b"k" * 32)
GOOD = KEYS.issue(Purpose.MEDIA, Subject("context", 1.8e9, "main", "support", "main"))


def media(data: bytes) -> None:
    """A frame's time is finite, and its payload is audio or refused."""
    event = media_stream.decode(data)
    if isinstance(event, PhoneAudio):
        assert event.sent_at is None or math.isfinite(event.sent_at)
        decode_payload(event.payload, PCM16_16K)


def model(data: bytes) -> None:
    """Ids that came from the service can go back to it."""
    event = voice_live.decode(data)
    if isinstance(event, AudioDelta):
        encode(TruncateItem("e", event.item_id, 0))
        decode_payload(event.payload, PCM16_16K, MAX_DELTA_BYTES)


def events(data: bytes) -> None:
    """Whatever names a call is safe to hash."""
    for item in event_grid.parse(data):
        if isinstance(item, event_grid.IncomingCall):
            assert item.context_hash
            KEYS.call_id(item.context)


def callbacks(data: bytes) -> None:
    """A callback's kind is a word."""
    for event in call_automation.parse(data):
        assert event.kind.isalpha()


def ticket(data: bytes) -> None:
    """No text but our own is a ticket."""
    text = data.decode("utf-8", "surrogateescape")
    if text != GOOD:
        try:
            KEYS.verify(text, Purpose.MEDIA, 1.8e9)
        except BadMessage:
            return
        raise AssertionError("a forged ticket was accepted")


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (media, model, events, callbacks, ticket)
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"usage: fuzz_wire.py {'|'.join(TARGETS)} [libFuzzer options]")
    target = TARGETS[sys.argv[1]]

    def run(data: bytes) -> None:
        with contextlib.suppress(BadMessage):  # refused, as it should be
            target(data)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
