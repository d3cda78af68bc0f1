"""Phone leg to model leg: the caller's voice on a repaired timeline, and what our own ears make of it.

A frame in order is forwarded at once; where both legs have the same format its base64 text goes on untouched, after a
strict decode that the ears need anyway. The model's turn detection counts samples, so nothing is left out: gaps
and silent frames become comfort noise at the line's own noise floor.
"""

from __future__ import annotations

from msgspec import Struct

from gateway.audio.convert import Decoder, Encoder
from gateway.audio.ears import Ears, End, Onset
from gateway.audio.jitter import Emit, Fill, Forward, JitterBuffer, Silence, Timed
from gateway.audio.level import ComfortNoise, pcm_rms
from gateway.audio.payload import decode_payload, encode_payload
from gateway.audio.pcm import FRAME_S, AudioFormat
from gateway.audio.self_audio import SelfAudioDetector
from gateway.session.effects import AppendAudio
from gateway.session.events import PhoneAudio

NOISE_SEED = 1
CATCH_UP_S = 0.0005
"""Per frame: how fast the time at which a voice is said to have spoken follows frames that come later and later."""


class _Voice(Struct, frozen=True, gc=False):
    """A frame as it came, and what it holds; two are equal if the same was sent."""

    payload: bytes
    pcm: bytes
    rms: float


class Uplink:
    """One direction of one call; made when the phone stream opens. The phone leg's samples are 16 bit."""

    def __init__(self, phone: AudioFormat, model: AudioFormat) -> None:
        self._phone = phone
        self._same = phone == model
        self._bytes_per_sample = phone.bytes_per_sample
        self._frame_samples = phone.frame_samples
        self._decoder = Decoder(phone, model.rate_hz)
        self._encoder = Encoder(model.rate_hz, model)
        self._noise = ComfortNoise(NOISE_SEED, phone.rate_hz)
        self._attached = True
        self._spoken_at: float | None = None
        self.jitter: JitterBuffer[_Voice] = JitterBuffer(phone.frame_samples, phone.rate_hz)
        self.ears = Ears()
        self.self_audio = SelfAudioDetector()
        self.samples_out = 0
        """at the phone leg's rate"""
        self._heard: list[Onset | End] = []

    def __repr__(self) -> str:
        return f"<Uplink {self._phone} {self.jitter!r} {self.ears!r}>"

    @property
    def phone_format(self) -> AudioFormat:
        return self._phone

    @property
    def depth_s(self) -> float:
        """How much audio is held back."""
        return self.jitter.held_samples / self._phone.rate_hz

    def take_heard(self) -> list[Onset | End]:
        """What the ears noticed since the last time."""
        if not self._heard:
            return self._heard
        heard, self._heard = self._heard, []
        return heard

    def on_audio(self, audio: PhoneAudio, now: float) -> list[AppendAudio]:
        """Take one frame of the caller.

        Raises:
            BadMessage: the payload is not audio of the phone's format; the timeline is not moved by it.
        """
        if audio.silent:
            timed = Timed(_EMPTY, audio.sent_at, self._frame_samples, silent=True, quiet=True)
        else:
            pcm = decode_payload(audio.payload, self._phone)
            level = pcm_rms(pcm)
            samples = len(pcm) // self._bytes_per_sample
            quiet = self.ears.is_quiet(level)
            timed = Timed(_Voice(audio.payload, pcm, level), audio.sent_at, samples, silent=False, quiet=quiet)
        return self._carry_out(self.jitter.push(timed, now), now)

    def on_tick(self, now: float) -> list[AppendAudio]:
        """Audio that is owed because none came."""
        if not self._attached:
            return []
        emits = self.jitter.on_tick(now)
        return self._carry_out(emits, now) if emits else []

    def detach(self) -> None:
        """The socket is lost: no audio is invented until it comes back."""
        self._attached = False

    def attach(self) -> None:
        self._attached = True

    def _carry_out(self, emits: list[Emit[_Voice]], now: float) -> list[AppendAudio]:
        appends: list[AppendAudio] = []
        for emit in emits:
            if type(emit) is Forward:
                voice = emit.body
                self._listen(voice.rms, self._when_spoken(FRAME_S, now))
                self.self_audio.received(voice.rms)
                self.samples_out += len(voice.pcm) // self._bytes_per_sample
                appends.append(AppendAudio(voice.payload) if self._same else self._converted(voice.pcm))
            elif isinstance(emit, Silence | Fill):
                self._listen(0.0, self._when_spoken(emit.samples / self._phone.rate_hz, now))
                self.samples_out += emit.samples
                pcm = self._noise.take(emit.samples, self.ears.noise_rms).tobytes()
                appends.append(AppendAudio(encode_payload(pcm)) if self._same else self._converted(pcm))
        return appends

    def _when_spoken(self, length_s: float, now: float) -> float:
        """When the last sample of the next stretch of the timeline was spoken, as far as we know.

        Never later than it came. A stall's backlog comes all at once and was spoken one frame after the other, so time
        goes on with the timeline, and follows frames that come late only slowly.
        """
        if self._spoken_at is None:
            self._spoken_at = now
        else:
            expected = self._spoken_at + length_s
            self._spoken_at = min(now, expected + min(CATCH_UP_S, max(0.0, now - expected)))
        return self._spoken_at

    def _listen(self, level: float, spoken_at: float) -> None:
        heard = self.ears.hear(level, spoken_at)
        if heard is not None:
            self._heard.append(heard)

    def _converted(self, pcm: bytes) -> AppendAudio:
        return AppendAudio(encode_payload(self._encoder.push(self._decoder.push(pcm))))


_EMPTY = _Voice(b"", b"", 0.0)
