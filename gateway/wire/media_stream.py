"""Messages of the media socket: Azure Communication Services audio streaming, both directions.

Inbound property names are camelCase with PascalCase kinds. Outbound the PascalCase form is written that Microsoft's own
accelerator uses; the service matches names without regard to case. Only the fields that are used are decoded.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
import pybase64

from gateway.audio.pcm import AudioFormat, Codec
from gateway.errors import BadMessage
from gateway.session.events import PhoneAudio, PhoneDigit, PhoneEvent, PhoneOpened

_PREFIX = b'{"Kind":"AudioData","AudioData":{"Data":"'
_SUFFIX = b'"},"StopAudio":null}'
STOP_AUDIO = b'{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}'

_DIGITS = {character: character for character in "0123456789*#"} | {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "asterisk": "*",
    "star": "*",
    "pound": "#",
    **{letter: letter.upper() for letter in "abcd"},
}
MAX_FRAME_BYTES = 19_200


class MediaOther(msgspec.Struct, frozen=True, gc=False):
    """A message of a kind that is not used here."""

    kind: str


class _Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    encoding: str = "PCM"
    sample_rate: int = 0
    channels: int = 1
    length: int = 0


class _Audio(msgspec.Struct, frozen=True, gc=False):
    data: str | None = None
    timestamp: str | None = None
    silent: bool | None = False


class _Dtmf(msgspec.Struct, frozen=True, gc=False):
    data: str


class _Message(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: str
    audio_data: _Audio | None = None
    audio_metadata: _Metadata | None = None
    dtmf_data: _Dtmf | None = None


_decoder = msgspec.json.Decoder(_Message)


def decode(text: bytes) -> PhoneEvent | MediaOther:
    """One message of the media socket.

    Raises:
        BadMessage: kind `json` (not JSON), `shape` (a field is missing or of the wrong type) or `format` (audio that
            no signal path exists for).
    """
    try:
        message = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise BadMessage("shape") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage("json") from error
    match message.kind:
        case "AudioData":
            audio = message.audio_data
            if audio is None:
                raise BadMessage("shape")
            return PhoneAudio(_ascii(audio.data), _seconds(audio.timestamp), bool(audio.silent))
        case "AudioMetadata":
            return _opened(message.audio_metadata)
        case "DtmfData":
            digit = _digit(message.dtmf_data.data) if message.dtmf_data is not None else None
            if digit is None:
                raise BadMessage("shape")
            return PhoneDigit(digit)
        case kind:
            return MediaOther(kind[:64])


def _ascii(data: str | None) -> bytes:
    if data is None:
        return b""
    if not data.isascii():
        raise BadMessage("base64")
    return data.encode("ascii")


def _digit(data: str) -> str | None:
    return _DIGITS.get(data.strip().lower())


def _opened(metadata: _Metadata | None) -> PhoneOpened:
    if metadata is None:
        raise BadMessage("shape")
    if metadata.encoding.upper() != "PCM" or metadata.channels != 1:
        raise BadMessage("format")
    try:
        fmt = AudioFormat(Codec.PCM16, metadata.sample_rate)
    except ValueError:
        raise BadMessage("format") from None
    length = metadata.length if 0 < metadata.length <= MAX_FRAME_BYTES else fmt.frame_bytes
    return PhoneOpened(fmt, length)


_SECOND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_SECOND_CHARACTERS = len("2024-11-15T19:16:12")
_FRACTION = re.compile(r"(\.[0-9]{1,12})?(?:Z|\+00:00)")
_MAX_STAMP_CHARACTERS = _SECOND_CHARACTERS + len(".123456789012+00:00")


def _seconds(stamp: str | None) -> float | None:
    """An ISO 8601 time in UTC as seconds since the epoch; None if it is missing or unreadable.

    On the path of every frame. All frames of a second share its first part, and stamps of whole milliseconds have a
    thousand different ends, so both parts are remembered; that is a third of the cost of reading them anew.
    """
    if not stamp or len(stamp) > _MAX_STAMP_CHARACTERS:  # what is remembered stays small
        return None
    second, fraction = _second(stamp[:_SECOND_CHARACTERS]), _fraction(stamp[_SECOND_CHARACTERS:])
    return second + fraction if second is not None and fraction is not None else None


@lru_cache(maxsize=64)
def _second(text: str) -> float | None:
    if _SECOND.fullmatch(text) is None:
        return None  # fromisoformat knows more forms, among them one whose zone would end up here
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _fraction(text: str) -> float | None:
    match = _FRACTION.fullmatch(text)
    return float(match[1] or 0) if match is not None else None


def encode_audio(pcm: bytes) -> bytes:
    """A frame to be played; base64 needs no escaping, so a template does what a JSON encoder would."""
    return _PREFIX + pybase64.b64encode(pcm) + _SUFFIX
