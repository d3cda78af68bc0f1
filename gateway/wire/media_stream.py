"""Messages of the media socket: Azure Communication Services audio streaming, both directions.

Inbound property names are camelCase with PascalCase kinds. Outbound the PascalCase form is written that Microsoft's own
accelerator uses; the service matches names without regard to case. Only the fields that are used are decoded.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
import pybase64

from gateway.audio.pcm import AudioFormat, Codec
from gateway.bounds import MAX_FRAME_BYTES
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
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    silent: bool | None = False


class _AudioWithoutTime(msgspec.Struct, frozen=True, gc=False):
    """For stamps that can not be read: the frame is worth having all the same."""

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


class _MessageWithoutTime(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: str
    audio_data: _AudioWithoutTime | None = None
    audio_metadata: _Metadata | None = None
    dtmf_data: _Dtmf | None = None


_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decoder = msgspec.json.Decoder(_Message)
_decoder_without_time = msgspec.json.Decoder(_MessageWithoutTime)


def decode(text: bytes) -> PhoneEvent | MediaOther:
    """One message of the media socket.

    Raises:
        BadMessage: kind `json` (not JSON), `shape` (a field is missing or of the wrong type) or `format` (audio that
            no signal path exists for).
    """
    try:
        message = _decoder.decode(text)
    except msgspec.ValidationError:
        return _decode_without_time(text)
    except _NOT_JSON as error:
        raise BadMessage("json") from error
    audio = message.audio_data
    if audio is None or message.kind != "AudioData":
        return _other(message)
    sent_at = None if audio.timestamp is None else audio.timestamp.timestamp()
    return PhoneAudio(_ascii(audio.data), sent_at, bool(audio.silent))


def _decode_without_time(text: bytes) -> PhoneEvent | MediaOther:
    """Something is of the wrong type. A time stamp may be."""
    try:
        message = _decoder_without_time.decode(text)
    except msgspec.ValidationError as error:
        raise BadMessage("shape") from error
    except _NOT_JSON as error:
        raise BadMessage("json") from error
    audio = message.audio_data
    if audio is None or message.kind != "AudioData":
        return _other(message)
    return PhoneAudio(_ascii(audio.data), None, bool(audio.silent))


def _other(message: _Message | _MessageWithoutTime) -> PhoneEvent | MediaOther:
    match message.kind:
        case "AudioData":
            raise BadMessage("shape")
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


def encode_audio(pcm: bytes) -> bytes:
    """A frame to be played; base64 needs no escaping, so a template does what a JSON encoder would."""
    return _PREFIX + pybase64.b64encode(pcm) + _SUFFIX
