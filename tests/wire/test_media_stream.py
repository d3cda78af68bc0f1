from __future__ import annotations

import base64
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.pcm import PCM16_16K, PCM16_24K
from gateway.errors import BadMessage
from gateway.session.events import PhoneAudio, PhoneDigit, PhoneOpened
from gateway.wire import media_stream
from gateway.wire.media_stream import MediaOther, decode

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acs"


def dump(message: Any) -> bytes:
    return json.dumps(message).encode()


def audio(**fields: Any) -> bytes:
    return dump({"kind": "AudioData", "audioData": fields})


def metadata(**fields: Any) -> bytes:
    standard = {"encoding": "PCM", "sampleRate": 16000, "channels": 1, "length": 640}
    return dump({"kind": "AudioMetadata", "audioMetadata": standard | fields})


def digit(data: Any) -> bytes:
    return dump({"kind": "DtmfData", "dtmfData": {"data": data}})


def refusal(message: bytes) -> str:
    with pytest.raises(BadMessage) as refused:
        decode(message)
    return refused.value.kind


def sent_at(stamp: Any) -> float | None:
    event = decode(audio(data="AAAA", timestamp=stamp))
    assert isinstance(event, PhoneAudio)
    return event.sent_at


# --- inbound ------------------------------------------------------------------------------------------------------


def test_documented_messages() -> None:
    opened = decode((FIXTURES / "in.audio-metadata.16k.docs.json").read_bytes())
    pressed = decode((FIXTURES / "in.dtmf-data.docs.json").read_bytes())

    assert opened == PhoneOpened(PCM16_16K, 640)
    assert pressed == PhoneDigit("3")


def test_a_frame_keeps_its_base64_text() -> None:
    event = decode(audio(timestamp="2024-11-15T19:16:12.925Z", participantRawID="4:+18005550176", data="AAAA"))

    assert isinstance(event, PhoneAudio)
    assert (event.payload, event.silent) == (b"AAAA", False)
    assert event.sent_at == pytest.approx(1731698172.925)
    assert "8005550176" not in repr(event)


def test_base64_that_was_escaped_is_unescaped() -> None:
    """System.Text.Json escapes the plus sign, other writers the slash."""
    assert decode(rb'{"kind":"AudioData","audioData":{"data":"\u002B\/AA"}}') == PhoneAudio(b"+/AA", None)


def test_frames_that_are_silent_may_be_empty() -> None:
    assert decode(audio(data=None, silent=True)) == PhoneAudio(b"", None, silent=True)
    assert decode(audio(silent=None)) == PhoneAudio(b"", None, silent=False)


@pytest.mark.parametrize(
    ("stamp", "fraction_s"),
    [
        ("2024-11-15T19:16:12Z", 0.0),
        ("2024-11-15T19:16:12.9Z", 0.9),
        ("2024-11-15T19:16:12.1234567Z", 0.1234567),
        ("2024-11-15T19:16:12.25+00:00", 0.25),
        ("2024-11-15T20:16:12.25+01:00", 0.25),
        ("2024-11-15T19:16:12." + "1" * 13 + "Z", 1 / 9),
    ],
)
def test_time_stamps_have_a_fraction_of_any_length(stamp: str, fraction_s: float) -> None:
    assert sent_at(stamp) == pytest.approx(1731698172 + fraction_s, abs=1e-6)


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "now",
        "2024-11-15T19:16:12",
        "2024-11-15T19:16:12.Z",
        "2024-11-15T19:16:12.9e400Z",
        "2024-11-15T19:16:121e400Z",
        "2024-11-15T19:16:12infZ",
        "2024-11-15T19:16:12_1Z",
        "2024-11-15T19:16:12.\u0661Z",
        "2024-13-15T19:16:12Z",
        "2024-11-15T19+01:00Z",
        "20241115T191612.123Z",
        "2024-W46-5T19:16:12Z",
        "2024-11-15T19:16:12.5Z" + " " * 1000,
        "Z",
    ],
)
def test_an_unreadable_time_stamp_is_none(stamp: str) -> None:
    assert sent_at(stamp) is None


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2999, 1, 1)), st.sampled_from(["Z", "+00:00"]))  # noqa: DTZ001 - the zone is appended as text
def test_a_time_stamp_is_what_the_standard_library_reads(moment: datetime, zone: str) -> None:
    for precision in ("milliseconds", "microseconds", "seconds"):
        stamp = moment.isoformat(timespec=precision) + zone
        assert sent_at(stamp) == pytest.approx(datetime.fromisoformat(stamp).timestamp(), abs=1e-5)


def test_a_frame_without_a_readable_time_stamp_is_a_frame_and_the_rest_is_checked_as_ever() -> None:
    assert decode(audio(data="AAAA", timestamp="now")) == PhoneAudio(b"AAAA", None)
    assert decode(audio(data="AAAA", timestamp=None)) == PhoneAudio(b"AAAA", None)
    assert refusal(audio(data=5, timestamp="now")) == "shape"
    assert refusal(audio(data="AAAA", timestamp=5)) == "shape"
    assert refusal(audio(data="AAAA", timestamp="now")[:-1]) == "json"


@given(st.text(st.characters(codec="utf-8")) | st.from_regex(r"2024-11-15T19:16:1.{0,12}Z", fullmatch=True))
def test_a_time_stamp_is_never_infinite(stamp: str) -> None:
    seconds = sent_at(stamp)

    assert seconds is None or math.isfinite(seconds)


def test_formats() -> None:
    assert decode(metadata(sampleRate=24000, length=960)) == PhoneOpened(PCM16_24K, 960)
    assert decode(metadata(length=0)) == PhoneOpened(PCM16_16K, 640)
    assert decode(metadata(length=19_202)) == PhoneOpened(PCM16_16K, 640)
    for unusable in ({"sampleRate": 44100}, {"sampleRate": 0}, {"channels": 2}, {"encoding": "OPUS"}):
        assert refusal(metadata(**unusable)) == "format"


@pytest.mark.parametrize(
    ("data", "character"),
    [
        *((c, c) for c in "0123456789ABCD*#"),
        ("a", "A"),
        ("pound", "#"),
        ("Pound", "#"),
        ("asterisk", "*"),
        ("zero", "0"),
        ("nine", "9"),
    ],
)
def test_digits_come_as_characters_or_words(data: str, character: str) -> None:
    assert decode(digit(data)) == PhoneDigit(character)


@pytest.mark.parametrize("data", ["", "12", "E", "\u0663", "\0", "ten", 3, None])
def test_what_is_no_key_of_a_phone_is_refused(data: Any) -> None:
    assert refusal(digit(data)) == "shape"


def test_other_kinds_are_told_apart_and_their_names_bounded() -> None:
    assert decode(dump({"kind": "MarkData", "markData": {"id": "1", "status": "Completed"}})) == MediaOther("MarkData")
    assert decode(dump({"kind": "x" * 1000})) == MediaOther("x" * 64)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"\xef\xbb\xbf{}", "json"),
        (b'{"kind":"x","y":NaN}', "json"),
        (rb'{"kind":"\ud800"}', "json"),
        (b'{"kind":"\xff"}', "json"),
        (b'{"kind":"x","y":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "json"),
        (b"[]", "shape"),
        (b"null", "shape"),
        (b"{}", "shape"),
        (b'{"kind":5}', "shape"),
        (b'{"kind":"AudioData"}', "shape"),
        (b'{"kind":"AudioData","audioData":[]}', "shape"),
        (b'{"kind":"AudioData","audioData":{"data":5}}', "shape"),
        (b'{"kind":"AudioMetadata"}', "shape"),
        (b'{"kind":"AudioMetadata","audioMetadata":{"sampleRate":1e400}}', "shape"),
        (b'{"kind":"AudioMetadata","audioMetadata":{"length":' + b"9" * 5000 + b"}}", "shape"),
        (b'{"kind":"DtmfData"}', "shape"),
        ('{"kind":"AudioData","audioData":{"data":"\u00e9"}}'.encode(), "base64"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_kind(message: bytes, kind: str) -> None:
    assert refusal(message) == kind


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    assert decode(b'{"kind":"x","kind":"y"}') == MediaOther("y")


KINDS = (None, "json", "shape", "format", "base64")


def verdict(message: bytes) -> str | None:
    """Why a message is refused; None for one that is read."""
    try:
        decode(message)
    except BadMessage as error:
        return error.kind
    return None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_bad_message(message: bytes) -> None:
    assert verdict(message) in KINDS


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
PARTS = {
    "audioData": ("data", "timestamp", "silent", "participantRawID"),
    "audioMetadata": ("encoding", "sampleRate", "channels", "length"),
    "dtmfData": ("data",),
}
messages = st.fixed_dictionaries(
    {"kind": st.sampled_from(["AudioData", "AudioMetadata", "DtmfData", "x"]) | values},
    optional={part: values | st.dictionaries(st.sampled_from(names), values) for part, names in PARTS.items()},
)


@given(messages)
def test_whatever_stands_in_the_fields_only_bad_messages_are_raised(message: dict[str, Any]) -> None:
    assert verdict(dump(message)) in KINDS


# --- outbound -----------------------------------------------------------------------------------------------------


@given(st.binary(max_size=1000))
def test_a_frame_is_what_a_json_encoder_writes(pcm: bytes) -> None:
    data = base64.b64encode(pcm).decode()

    assert json.loads(media_stream.encode_audio(pcm)) == {
        "Kind": "AudioData",
        "AudioData": {"Data": data},
        "StopAudio": None,
    }


def test_outbound_messages_have_the_form_of_microsofts_own_programs() -> None:
    frames = json.loads((FIXTURES / "out.audio-data.casings.json").read_bytes())
    stops = json.loads((FIXTURES / "out.stop-audio.casings.json").read_bytes())
    silence = base64.b64decode(frames["python_samples_pascal_minimal"]["AudioData"]["Data"])

    assert json.loads(media_stream.encode_audio(silence)) == frames["python_samples_pascal_minimal"]
    assert json.loads(media_stream.STOP_AUDIO) == stops["dotnet_sdk_and_python_samples_pascal"]
