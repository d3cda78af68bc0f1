"""Coverage-guided fuzzing of everything that reads bytes of strangers. Run by hand; it is no part of the test suite.

atheris is no dependency of the project. In a virtual environment of its own (Python 3.11):

    python3.11 -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris msgspec orjson pybase64 numpy
    mkdir -p /tmp/corpus/TARGET
    PYTHONPATH=. /tmp/fuzz/bin/python tests/fuzz/fuzz_wire.py TARGET -max_total_time=60 /tmp/corpus/TARGET SEEDS

TARGET is media, model, events, callbacks or ticket; what follows it goes to libFuzzer. SEEDS is a folder of messages to
start from: tests/fixtures/acs or tests/fixtures/voice_live; ticket needs none. An exception that is not BadMessage, a
BadMessage of a kind outside of its codec's list, or a broken promise of a codec ends the run with what caused it.
"""

from __future__ import annotations

import base64
import math
import sys
from collections.abc import Callable

import atheris  # type: ignore[import-untyped]  # by hand only, see above
import msgspec

with atheris.instrument_imports(include=["gateway"]):
    from gateway.audio.payload import decode_payload
    from gateway.audio.pcm import PCM16_16K
    from gateway.bounds import MAX_DELTA_BYTES
    from gateway.errors import BadMessage
    from gateway.session.effects import TruncateItem
    from gateway.session.events import AudioDelta, PhoneAudio, ResponseDone
    from gateway.wire import call_automation, event_grid, media_stream, voice_live
    from gateway.wire.ticket import Purpose, Subject, TicketKeys
    from gateway.wire.voice_live import encode
    from gateway.wire.voice_live_session import SessionSettings, SessionUpdated, differences

SETTINGS = SessionSettings(
    instructions="Be brief.",
    voice={"type": "azure-standard", "name": "en-US-AvaNeural"},
    input_format=PCM16_16K,
    output_format=PCM16_16K,
    turn_detection={"type": "azure_semantic_vad", "languages": ["en"], "end_of_utterance_detection": {"timeout_ms": 1}},
)
KEYS = TicketKeys(b"k" * 32)
GOOD = KEYS.issue(Purpose.MEDIA, Subject("context", 1.8e9, "resource", "main", "support", "main"))
OUR_KEY = base64.urlsafe_b64decode(GOOD.split(".")[1] + "==")[: len('{"k":"00000000",')]
"""The beginning of every payload that names our key."""


READING = {"json", "shape", "bounds"}
PAYLOAD = {"base64", "empty", "oversize", "odd_length"}


def media(data: bytes) -> None:
    """A frame's time is finite, and its payload is audio or refused."""
    event = media_stream.decode(data)
    if isinstance(event, PhoneAudio):
        assert event.sent_at is None or math.isfinite(event.sent_at)
        if event.silent and not event.payload:
            return
        decode_payload(event.payload, PCM16_16K.bytes_per_sample)


def model(data: bytes) -> None:
    """Ids that came from the service can go back to it; what it confirms can be compared with what was asked."""
    event = voice_live.decode(data)
    if isinstance(event, AudioDelta):
        encode(TruncateItem("e", event.item_id, 0))
        decode_payload(event.payload, PCM16_16K.bytes_per_sample, MAX_DELTA_BYTES)
    elif isinstance(event, ResponseDone) and event.usage is not None:
        assert min(msgspec.structs.astuple(event.usage)) >= 0
    elif isinstance(event, SessionUpdated):
        differences(SETTINGS, event)


def events(data: bytes) -> None:
    """Whatever names a call is safe to hash."""
    for item in event_grid.parse(data):
        if isinstance(item, event_grid.IncomingCall):
            assert item.context_hash
            KEYS.call_id(item.context)
            assert math.isfinite(item.event_time)
            for identity in (item.caller, item.called):
                assert identity.raw_id.isascii()
                assert identity.phone_number is None or not identity.anonymous


def callbacks(data: bytes) -> None:
    """A callback's kind is a word, and its connection id can stand in a path."""
    for event in call_automation.parse(data):
        assert event.kind.isalpha()
        assert not set(event.call_connection_id or "") & set("./:%?#\r\n")


def ticket(data: bytes) -> None:
    """No text but our own is a ticket."""
    text = _forged(data)
    if text != GOOD:
        KEYS.verify(text, Purpose.MEDIA, 1.8e9)
        raise AssertionError("a forged ticket was accepted")


def _forged(data: bytes) -> str:
    """Any text; ours with some bytes changed; any payload under our grammar; one that names our key.

    Coverage does not lead through a regular expression or a key id, so these start behind them.
    """
    way, rest = data[:1], data[1:]
    if way == b"e":
        changed = bytearray(GOOD.encode("ascii"))
        for place, value in zip(rest[::2], rest[1::2], strict=False):
            changed[place % len(changed)] = value
        return changed.decode("latin-1")
    if way in (b"p", b"k"):
        named = OUR_KEY if way == b"k" else b""
        payload = base64.urlsafe_b64encode(named + rest).rstrip(b"=").decode("ascii")
        return f"v1.{payload}.{GOOD.rpartition('.')[2]}"
    return data.decode("utf-8", "surrogateescape")


TARGETS: dict[str, tuple[Callable[[bytes], None], set[str]]] = {
    "media": (media, READING | PAYLOAD | {"format"}),
    "model": (model, READING | PAYLOAD),
    "events": (events, READING),
    "callbacks": (callbacks, READING),
    "ticket": (ticket, {"malformed", "unknown_key", "signature"}),
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"usage: fuzz_wire.py {'|'.join(TARGETS)} [libFuzzer options]")
    target, kinds = TARGETS[sys.argv[1]]

    def run(data: bytes) -> None:
        try:
            target(data)
        except BadMessage as refused:
            if refused.kind not in kinds:
                raise AssertionError("a kind that is not in the list") from refused

    atheris.Setup([sys.argv[0], *sys.argv[2:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
