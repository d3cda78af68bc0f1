"""WAV files to samples and back, G.711 included.

The `wave` module of the standard library opens plain PCM only; telephone recordings are often A-law or mu-law
(WAVE formats 6 and 7), and recorders like the EXTENSIBLE header. Formats and chunk layout: Microsoft and IBM,
"Multimedia Programming Interface and Data Specifications 1.0" and the WAVEFORMATEXTENSIBLE reference.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.audio import g711
from gateway.audio.pcm import Int16Array

_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_UNREADABLE = {2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x50: "MPEG", 0x55: "MP3", 0xFF: "AAC"}
_STRANGERS = ((b"ID3", "MP3"), (b"\xff\xfb", "MP3"), (b"OggS", "Ogg"), (b"fLaC", "FLAC"), (b"FORM", "AIFF"))

_CONVERT = "convert it with: ffmpeg -i INPUT -ac 1 -ar 16000 -c:a pcm_s16le OUTPUT.wav"
_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_FMT_BYTES = 16
_EXTENSIBLE_BYTES = 26
_TO_END = (0, 0xFFFFFFFF)
"""Sizes a program writes that could not go back to fill in the real one, as when it wrote to a pipe."""


class WavError(ValueError):
    """This file can not be read; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wav:
    """What a file holds."""

    channels: Int16Array
    """shape (frames, channels)"""
    rate_hz: int
    encoding: str
    """as the file has it: "pcm8", "pcm16", "pcm24", "pcm32", "float32", "float64", "alaw" or "ulaw" """

    @property
    def mono(self) -> Int16Array:
        """The mean of all channels, shape (frames,)."""
        if self.channels.shape[1] == 1:
            return self.channels[:, 0]
        mean: Int16Array = np.rint(self.channels.mean(axis=1)).astype(np.int16)
        return mean

    @property
    def duration_s(self) -> float:
        return len(self.channels) / self.rate_hz


@dataclass(frozen=True, slots=True)
class _Fmt:
    tag: int
    channel_count: int
    rate_hz: int
    bits: int


def read_wav(data: bytes) -> Wav:
    """Decode a whole file: PCM of 8 to 32 bits, float, A-law, mu-law, plain or EXTENSIBLE header, any channel count.

    Raises:
        WavError: not a WAV file, an encoding this reader does not have, or nothing in it.
    """
    _check_container(data)
    fmt: _Fmt | None = None
    position = _RIFF_HEADER_BYTES
    while position + _CHUNK_HEADER_BYTES <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        position += _CHUNK_HEADER_BYTES
        if name == b"fmt ":
            fmt = _parse_fmt(data[position : position + size])
        elif name == b"data":
            if fmt is None:
                raise WavError(f"the samples come before their description: damaged header; {_CONVERT}")
            return _decode(data[position:] if size in _TO_END else data[position : position + size], fmt)
        position += size + size % 2  # a chunk of odd size is followed by one byte of padding
    raise WavError(f"the file has no samples: it is cut off or damaged; record it again, or {_CONVERT}")


def write_wav(samples: Int16Array, rate_hz: int) -> bytes:
    """A file of 16-bit PCM.

    Args:
        samples: shape (frames,) for mono, or (frames, channels).
        rate_hz: samples a second.
    """
    channel_count = 1 if samples.ndim == 1 else samples.shape[1]
    block = 2 * channel_count
    fmt = struct.pack("<HHIIHH", _PCM, channel_count, rate_hz, rate_hz * block, block, 16)
    return _riff((b"fmt ", fmt), (b"data", np.ascontiguousarray(samples, "<i2").tobytes()))


def write_ulaw_wav(samples: Int16Array, rate_hz: int) -> bytes:
    """A file of mu-law, half as large: mono, shape (frames,), at `rate_hz` samples a second."""
    fmt = struct.pack("<HHIIHHH", _ULAW, 1, rate_hz, rate_hz, 1, 8, 0)
    # Whatever is not PCM says how long its header's extension is, and has a chunk with the count of frames.
    fact = struct.pack("<I", len(samples))
    return _riff((b"fmt ", fmt), (b"fact", fact), (b"data", g711.encode_ulaw(samples)))


def _riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WAVE"
    for name, content in chunks:
        body += name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _check_container(data: bytes) -> None:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return
    if not data:
        raise WavError("the file is empty")
    if data[:4] in (b"RIFX", b"RF64"):
        raise WavError(f"{data[:4].decode()} is a variant of WAV this reader does not have; {_CONVERT}")
    for magic, name in _STRANGERS:
        if data.startswith(magic):
            raise WavError(f"this is {name}, not WAV; {_CONVERT}")
    raise WavError(f"this is not a WAV file (it does not begin with RIFF and WAVE); {_CONVERT}")


def _parse_fmt(chunk: bytes) -> _Fmt:
    if len(chunk) < _FMT_BYTES:
        raise WavError(f"the description of the samples is cut off: damaged header; {_CONVERT}")
    tag, channel_count, rate_hz, _, _, bits = struct.unpack("<HHIIHH", chunk[:_FMT_BYTES])
    if tag == _EXTENSIBLE and len(chunk) >= _EXTENSIBLE_BYTES:
        tag = int.from_bytes(chunk[24:26], "little")  # the sub-format GUID begins with the plain tag
    if not channel_count or not rate_hz:
        raise WavError(f"the header says {channel_count} channels at {rate_hz} Hz: damaged header; {_CONVERT}")
    return _Fmt(tag, channel_count, rate_hz, bits)


def _decode(payload: bytes, fmt: _Fmt) -> Wav:
    samples, encoding = _samples(payload, fmt)
    frames = len(samples) // fmt.channel_count
    if not frames:
        raise WavError("the file holds no sound: it is cut off, or the recording was stopped at once")
    whole = samples[: frames * fmt.channel_count]
    return Wav(whole.reshape(frames, fmt.channel_count), fmt.rate_hz, encoding)


def _samples(payload: bytes, fmt: _Fmt) -> tuple[Int16Array, str]:
    known = _DECODERS.get((fmt.tag, fmt.bits))
    if known is None:
        what = _UNREADABLE.get(fmt.tag, f"WAVE format {fmt.tag:#06x} with {fmt.bits} bits")
        raise WavError(f"the sound is stored as {what}, which this reader does not have; {_CONVERT}")
    encoding, decode = known
    width = fmt.bits // 8
    return decode(payload[: len(payload) - len(payload) % width]), encoding  # a cut-off file may end within a sample


def _from_pcm8(payload: bytes) -> Int16Array:
    unsigned = np.frombuffer(payload, np.uint8)  # the one width that is
    return (unsigned.astype(np.int16) - np.int16(128)) * np.int16(256)


def _from_pcm16(payload: bytes) -> Int16Array:
    return np.frombuffer(payload, "<i2").astype(np.int16, copy=False)


def _from_pcm24(payload: bytes) -> Int16Array:
    upper = np.ascontiguousarray(np.frombuffer(payload, np.uint8).reshape(-1, 3)[:, 1:])
    return _from_pcm16(upper.tobytes())


def _from_pcm32(payload: bytes) -> Int16Array:
    return (np.frombuffer(payload, "<i4") >> 16).astype(np.int16)


def _from_float32(payload: bytes) -> Int16Array:
    return _from_float(np.frombuffer(payload, "<f4").astype(np.float64))


def _from_float64(payload: bytes) -> Int16Array:
    return _from_float(np.frombuffer(payload, "<f8").astype(np.float64))


def _from_float(samples: npt.NDArray[np.float64]) -> Int16Array:
    full_scale = np.clip(np.nan_to_num(samples), -1.0, 1.0) * 32768.0
    return np.rint(np.minimum(full_scale, 32767.0)).astype(np.int16)


_DECODERS: dict[tuple[int, int], tuple[str, Callable[[bytes], Int16Array]]] = {
    (_PCM, 8): ("pcm8", _from_pcm8),
    (_PCM, 16): ("pcm16", _from_pcm16),
    (_PCM, 24): ("pcm24", _from_pcm24),
    (_PCM, 32): ("pcm32", _from_pcm32),
    (_FLOAT, 32): ("float32", _from_float32),
    (_FLOAT, 64): ("float64", _from_float64),
    (_ALAW, 8): ("alaw", g711.decode_alaw),
    (_ULAW, 8): ("ulaw", g711.decode_ulaw),
}
"""By WAVE format tag and bits a sample."""
