"""Phone leg to model leg: the caller's voice on a repaired timeline, and what our own ears make of it.

A frame in order is forwarded at once; where both legs have the same format its base64 text goes on untouched, after a
strict decode that the ears need anyway. The model's turn detection counts samples, so nothing is left out: gaps
and silent frames become comfort noise at the line's own noise floor.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gateway.audio.convert import Decoder, Encoder
from gateway.audio.ears import Ears, End, Onset
from gateway.audio.jitter import Fill, Forward, JitterBuffer, Silence, Timed
from gateway.audio.level import ComfortNoise, rms
from gateway.audio.payload import decode_payload, encode_payload
from gateway.audio.pcm import AudioFormat, Codec, Int16Array
from gateway.session.effects import AppendAudio
from gateway.session.events import PhoneAudio

NOISE_SEED = 1


class _Voice(Struct, frozen=True, gc=False):
    """A frame as it came, and its samples: compared by what was sent, never by object."""

    payload: bytes
    pcm: bytes


class Uplink:
    """One direction of one call; made when the phone stream opens."""

    def __init__(self, phone: AudioFormat, model: AudioFormat) -> None:
        self._phone = phone
        self._model = model
        self._same = phone == model
        self._decoder = Decoder(phone, model.rate_hz)
        self._encoder = Encoder(model.rate_hz, model)
        self._noise = ComfortNoise(seed=NOISE_SEED)
        self._attached = True
        self.jitter: JitterBuffer[_Voice] = JitterBuffer(phone.frame_samples, phone.rate_hz)
        self.ears = Ears(phone.rate_hz)
        self.heard: list[Onset | End] = []
        """what the ears noticed since it was last taken"""

    def __repr__(self) -> str:
        return f"<Uplink {self._phone} to {self._model}>"

    @property
    def phone_format(self) -> AudioFormat:
        return self._phone

    @property
    def level(self) -> float:
        """Root mean square of the newest frame, for the self-audio detector."""
        return self.ears.level

    def take_heard(self) -> list[Onset | End]:
        heard, self.heard = self.heard, []
        return heard

    def on_audio(self, audio: PhoneAudio, now: float) -> list[AppendAudio]:
        """Take one frame of the caller.

        Raises:
            BadMessage: the payload is not audio of the phone's format; the timeline is not moved by it.
        """
        if audio.silent and not audio.payload:
            timed = Timed(_EMPTY, audio.sent_at, self._phone.frame_samples, silent=True, quiet=True)
        else:
            pcm = decode_payload(audio.payload, self._phone)
            samples = np.frombuffer(pcm, dtype="<i2")
            quiet = self.ears.is_quiet(rms(samples)) if not audio.silent else True
            timed = Timed(_Voice(audio.payload, pcm), audio.sent_at, samples.size, silent=audio.silent, quiet=quiet)
        return self._carry_out(self.jitter.push(timed, now), now)

    def on_tick(self, now: float) -> list[AppendAudio]:
        """Audio that is owed because none came."""
        return self._carry_out(self.jitter.on_tick(now), now) if self._attached else []

    def detach(self) -> None:
        """The socket is lost: no audio is invented until it comes back."""
        self._attached = False

    def attach(self) -> None:
        self._attached = True

    def _carry_out(self, emits: list[Forward[_Voice] | Silence | Fill], now: float) -> list[AppendAudio]:
        appends: list[AppendAudio] = []
        for emit in emits:
            match emit:
                case Forward(body=voice):
                    samples = np.frombuffer(voice.pcm, dtype="<i2")
                    self.heard.extend(self.ears.hear(samples, now))
                    appends.append(AppendAudio(voice.payload) if self._same else self._converted(voice.pcm))
                case Silence(samples=count) | Fill(samples=count):
                    noise = self._noise.take(count, self.ears.noise_rms)
                    self.heard.extend(self.ears.hear(noise, now))
                    appends.append(self._generated(noise))
        return appends

    def _converted(self, pcm: bytes) -> AppendAudio:
        return AppendAudio(encode_payload(self._encoder.push(self._decoder.push(pcm))))

    def _generated(self, noise: Int16Array) -> AppendAudio:
        pcm = noise.tobytes()
        if self._same and self._phone.codec is Codec.PCM16:
            return AppendAudio(encode_payload(pcm))
        return self._converted(pcm)


_EMPTY = _Voice(b"", b"")
