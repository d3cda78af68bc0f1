"""Phone leg to model leg: the caller's voice on a repaired timeline, and what our own ears make of it.

A frame in order is forwarded at once; where both legs have the same format its base64 text goes on untouched, after a
strict decode that the ears need anyway. The model's turn detection counts samples, so nothing is left out: gaps
and silent frames become comfort noise at the line's own noise floor.
"""

from __future__ import annotations

from msgspec import Struct

from gateway.audio.convert import Decoder, Encoder
from gateway.audio.ears import Ears, End, Onset
from gateway.audio.jitter import Emit, Forward, JitterBuffer, Timed
from gateway.audio.level import ComfortNoise, pcm_rms
from gateway.audio.payload import decode_payload, encode_payload
from gateway.audio.pcm import FRAME_S, AudioFormat
from gateway.audio.self_audio import SelfAudioDetector
from gateway.audio.tones import Tone, ToneWatch
from gateway.session.effects import AppendAudio
from gateway.session.events import PhoneAudio

NOISE_SEED = 1
SAMPLE_BYTES = 2
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
        self._frame_samples = phone.frame_samples
        self._decoder = Decoder(phone, model.rate_hz)
        self._encoder = Encoder(model.rate_hz, model)
        self._noise = ComfortNoise(NOISE_SEED, phone.rate_hz)
        self._attached = True
        self._spoken_at: float | None = None
        self.jitter: JitterBuffer[_Voice] = JitterBuffer(phone.frame_samples, phone.rate_hz)
        self.ears = Ears()
        self.self_audio = SelfAudioDetector()
        self.muted = False
        """what the caller says is not for the model: it hears the line's noise instead"""
        self._muted_until = 0.0
        self.samples_out = 0
        """at the phone leg's rate"""
        self.heard: list[Onset | End | Tone] = []
        """what was noticed; whoever reads it empties it"""
        self._tones: ToneWatch | None = ToneWatch(phone.rate_hz)

    def __repr__(self) -> str:
        return f"<Uplink {self._phone} {self.jitter!r} {self.ears!r}>"

    @property
    def phone_format(self) -> AudioFormat:
        return self._phone

    @property
    def depth_s(self) -> float:
        """How much audio is held back."""
        return self.jitter.held_samples / self._phone.rate_hz

    def on_audio(self, audio: PhoneAudio, now: float) -> list[AppendAudio]:
        """Take one frame of the caller.

        Raises:
            BadMessage: the payload is not audio of the phone's format; the timeline is not moved by it.
        """
        if audio.silent:
            timed = Timed(_EMPTY, audio.sent_at, self._frame_samples, silent=True, quiet=True)
        else:
            pcm = decode_payload(audio.payload, SAMPLE_BYTES)
            level = pcm_rms(pcm)
            quiet = self.ears.is_quiet(level)
            voice = _Voice(audio.payload, pcm, level)
            timed = Timed(voice, audio.sent_at, len(pcm) // SAMPLE_BYTES, silent=False, quiet=quiet)
        return [self._carry_out(emit, now) for emit in self.jitter.push(timed, now)]

    def on_tick(self, now: float) -> list[AppendAudio]:
        """Audio that is owed because none came."""
        if not self._attached:
            return []
        return [self._carry_out(emit, now) for emit in self.jitter.on_tick(now)]

    def mute_until(self, moment: float) -> None:
        """A short sound is not for the model, such as the tone of a key."""
        self._muted_until = moment

    def detach(self) -> None:
        """The socket is lost: no audio is invented until it comes back."""
        self._attached = False

    def attach(self) -> None:
        self._attached = True

    def _carry_out(self, emit: Emit[_Voice], now: float) -> AppendAudio:
        if not isinstance(emit, Forward):
            return self._make_up(emit.samples, now)
        voice = emit.body
        level = voice.rms
        self._listen(voice.pcm, level, FRAME_S, now)
        self.self_audio.received(level)
        self.samples_out += len(voice.pcm) // SAMPLE_BYTES
        if self.muted or now < self._muted_until:
            return self._noise_of(len(voice.pcm) // SAMPLE_BYTES)
        return AppendAudio(voice.payload) if self._same else self._converted(voice.pcm)

    def _make_up(self, samples: int, now: float) -> AppendAudio:
        """Comfort noise for a silent frame, or where there is none."""
        self._listen(b"", 0.0, samples / self._phone.rate_hz, now)
        self.samples_out += samples
        return self._noise_of(samples)

    def _noise_of(self, samples: int) -> AppendAudio:
        pcm = self._noise.take(samples, self.ears.noise_rms).tobytes()
        return AppendAudio(encode_payload(pcm)) if self._same else self._converted(pcm)

    def _listen(self, pcm: bytes, level: float, length_s: float, now: float) -> None:
        """Let the ears hear the next stretch of the timeline, dated to when its last sample was spoken.

        As far as we know, and never later than it came. A stall's backlog comes all at once and was spoken one frame
        after the other, so time goes on with the timeline, and follows frames that come late only slowly.
        """
        expected = now if self._spoken_at is None else self._spoken_at + length_s
        self._spoken_at = spoken_at = now if now - expected <= CATCH_UP_S else expected + CATCH_UP_S
        heard = self.ears.hear(level, spoken_at)
        if heard is not None:
            self.heard.append(heard)
        if self._tones is not None:
            tone = self._tones.hear(pcm, level, spoken_at)
            if tone is not None:
                self.heard.append(tone)
            if self._tones.done:
                self._tones = None

    def _converted(self, pcm: bytes) -> AppendAudio:
        return AppendAudio(encode_payload(self._encoder.push(self._decoder.push(pcm))))


_EMPTY = _Voice(b"", b"", 0.0)
