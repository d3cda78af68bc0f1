"""Bytes of a leg to samples at the rate of the other leg, and back: codec and sample rate in one stream.

PCM is little-endian on both legs, as Azure Communication Services and Voice Live send and take it.
"""

from __future__ import annotations

import numpy as np

from gateway.audio import g711
from gateway.audio.pcm import AudioFormat, Codec, Int16Array
from gateway.audio.resample import StreamResampler
from gateway.errors import BadMessage

_WIRE_PCM = np.dtype("<i2")


def decode(payload: bytes, codec: Codec) -> Int16Array:
    """Samples of a payload, shape (n,); possibly a read-only view of it.

    Raises:
        BadMessage: kind `odd_length`, where PCM ends within a sample.
    """
    match codec:
        case Codec.PCM16:
            if len(payload) % 2:
                raise BadMessage("odd_length")
            return np.frombuffer(payload, _WIRE_PCM).astype(np.int16, copy=False)
        case Codec.ULAW:
            return g711.decode_ulaw(payload)
        case Codec.ALAW:
            return g711.decode_alaw(payload)


def encode(samples: Int16Array, codec: Codec) -> bytes:
    match codec:
        case Codec.PCM16:
            return samples.astype(_WIRE_PCM, copy=False).tobytes()
        case Codec.ULAW:
            return g711.encode_ulaw(samples)
        case Codec.ALAW:
            return g711.encode_alaw(samples)


class Decoder:
    """What a leg sends, as samples at the rate of the other side; one direction of one call."""

    def __init__(self, source: AudioFormat, target_rate_hz: int) -> None:
        self.source = source
        self._resampler = StreamResampler(source.rate_hz, target_rate_hz)

    def __repr__(self) -> str:
        return f"<Decoder {self.source} to {self._resampler.target_hz}>"

    @property
    def delay_s(self) -> float:
        return self._resampler.delay_s

    def push(self, payload: bytes) -> Int16Array:
        """Decode the next stretch; lengths as in StreamResampler.push.

        Raises:
            BadMessage: kind `odd_length`; the stream goes on as if the payload had not come.
        """
        return self._resampler.push(decode(payload, self.source.codec))

    def flush(self) -> Int16Array:
        """The tail still in the filter; the stream begins anew."""
        return self._resampler.flush()


class Encoder:
    """Samples as what a leg takes; one direction of one call."""

    def __init__(self, source_rate_hz: int, target: AudioFormat) -> None:
        self.target = target
        self._resampler = StreamResampler(source_rate_hz, target.rate_hz)

    def __repr__(self) -> str:
        return f"<Encoder {self._resampler.source_hz} to {self.target}>"

    @property
    def delay_s(self) -> float:
        return self._resampler.delay_s

    def push(self, samples: Int16Array) -> bytes:
        """Encode the next stretch, shape (n,); lengths as in StreamResampler.push."""
        return encode(self._resampler.push(samples), self.target.codec)

    def flush(self) -> bytes:
        """The tail still in the filter; the stream begins anew."""
        return encode(self._resampler.flush(), self.target.codec)
