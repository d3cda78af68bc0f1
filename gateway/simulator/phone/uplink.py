"""The caller's voice as media messages: line, leak of our own voice, frames, time stamps, silence.

Pure: one message for every 20 ms, made from what the mouth and the ear had in them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import numpy as np
import orjson

from gateway.audio.pcm import FRAMES_PER_SECOND, Int16Array
from gateway.audio.resample import StreamResampler
from gateway.simulator.phone import shapes
from gateway.simulator.phone.channel import MOUTH_HZ, PhoneLine
from gateway.simulator.phone.shapes import Json
from gateway.simulator.phone.switches import PhoneSwitches, StampQuality

_SILENT_BELOW = 33
"""Peak of a silent mouth: -60 dB of full scale."""
_SILENT_AFTER_FRAMES = 10
"""Voice activity detectors hold on for 200 ms after the voice."""
_JUMP_EVERY = 0.02
"""Chance of a jump per frame, where the stamps jump."""


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a media stream carries, as the answer asked for it."""

    rate_hz: int
    mixed: bool
    caller_raw_id: str
    subscription_id: str

    @property
    def frame_samples(self) -> int:
        return self.rate_hz // FRAMES_PER_SECOND

    def metadata(self) -> str:
        """First message of every stream."""
        body = {
            "subscriptionId": self.subscription_id,
            "encoding": "PCM",
            "sampleRate": self.rate_hz,
            "channels": 1,
            "length": 2 * self.frame_samples,
        }
        return orjson.dumps({"kind": "AudioMetadata", "audioMetadata": body}).decode()


class Leak:
    """Our own voice on its way back: from the ear into the mouthpiece."""

    def __init__(self, ear_rate_hz: int, gain_db: float, delay_s: float) -> None:
        self._gain = 10.0 ** (gain_db / 20.0)
        self._resampler = StreamResampler(ear_rate_hz, MOUTH_HZ)
        self._waiting = np.zeros(round(delay_s * MOUTH_HZ), np.float64)

    def push(self, heard: Int16Array, count: int) -> Int16Array:
        """What leaks during the next `count` samples at the mouth, while `heard` is at the ear."""
        self._waiting = np.concatenate([self._waiting, self._resampler.push(heard) * self._gain])
        if len(self._waiting) < count:
            self._waiting = np.concatenate([np.zeros(count - len(self._waiting)), self._waiting])
        part, self._waiting = self._waiting[:count], self._waiting[count:]
        return np.rint(part).astype(np.int16)


class _Stamps:
    """Time stamps of the quality asked for."""

    def __init__(self, quality: StampQuality, wall_at: Callable[[float], float], random: Random) -> None:
        self._quality = quality
        self._wall_at = wall_at
        self._random = random
        self._frozen: str | None = None
        self._offset_s = 0.0

    def of(self, frame_at: float) -> str | None:
        if self._quality == "missing":
            return None
        if self._quality == "jumping" and self._random.random() < _JUMP_EVERY:
            self._offset_s += self._random.choice((-3.0, -0.2, 0.06, 0.5, 7.0))
        at = datetime.fromtimestamp(self._wall_at(frame_at) + self._offset_s, UTC)
        if self._quality == "coarse":
            at = at.replace(microsecond=0)
        text = shapes.stamp(at)
        if self._quality == "frozen":
            self._frozen = self._frozen or text
            return self._frozen
        return text


class Uplink:
    """See the module.

    Args:
        stream: format of the stream.
        switches: of the call.
        seed: of the noise and the jumps.
        wall_at: monotonic seconds to seconds since the epoch.
    """

    def __init__(
        self, stream: StreamFormat, switches: PhoneSwitches, *, seed: int, wall_at: Callable[[float], float]
    ) -> None:
        self._stream = stream
        self._line = PhoneLine(
            stream.rate_hz,
            codec=switches.codec,
            level_db=switches.level_db,
            noise_dbfs=switches.noise_dbfs,
            seed=seed,
        )
        self._leak = None if switches.leak_db is None else Leak(stream.rate_hz, switches.leak_db, switches.leak_delay_s)
        self._silent_frames = switches.silent_frames
        self._quiet_frames = 0
        self._stamps = _Stamps(switches.stamps, wall_at, Random(seed))  # noqa: S311 - repeatable on purpose
        with_id = switches.participant_id == "always" or (switches.participant_id == "by_mode" and not stream.mixed)
        self._participant = stream.caller_raw_id if with_id else None

    def message(self, mouth: Int16Array, heard: Int16Array, frame_at: float, *, muted: bool = False) -> str:
        """One AudioData message.

        Args:
            mouth: 20 ms at MOUTH_HZ.
            heard: what was at the ear in the meantime, at the stream's rate.
            frame_at: when these 20 ms ended, monotonic seconds.
            muted: nothing of it is to be heard, the line's noise neither.
        """
        sound = mouth
        if self._leak is not None:
            mixed = mouth.astype(np.int32) + self._leak.push(heard, len(mouth))
            sound = np.clip(mixed, -32768, 32767).astype(np.int16)
        frame = self._line.push(sound)  # always: the line's noise and filters know no pauses
        if muted:
            frame, sound = np.zeros_like(frame), np.zeros_like(sound)
        loud = len(sound) > 0 and int(np.abs(sound.astype(np.int32)).max()) >= _SILENT_BELOW
        self._quiet_frames = 0 if loud else self._quiet_frames + 1
        silent = self._silent_frames != "never" and self._quiet_frames > _SILENT_AFTER_FRAMES
        return self._encode(frame, frame_at, silent=silent)

    def _encode(self, frame: Int16Array, frame_at: float, *, silent: bool) -> str:
        payload = frame.astype("<i2", copy=False).tobytes()
        if silent:
            payload = b"" if self._silent_frames == "no_data" else bytes(len(payload))
        body: Json = {}
        stamp = self._stamps.of(frame_at)
        if stamp is not None:
            body["timestamp"] = stamp
        if self._participant is not None:
            body["participantRawID"] = self._participant
        body["data"] = base64.b64encode(payload).decode()
        body["silent"] = silent
        return orjson.dumps({"kind": "AudioData", "audioData": body}).decode()


def dtmf_message(digit: str, raw_id: str | None) -> str:
    body: Json = {"data": digit}
    if raw_id is not None:
        body["participantRawID"] = raw_id
    return orjson.dumps({"kind": "DtmfData", "dtmfData": body}).decode()


UNKNOWN_MESSAGES = (
    '{"kind":"NetworkQuality","networkQuality":{"score":4}}',
    '{"kind":"TranscriptionMetadata","transcriptionMetadata":{"subscriptionId":"x","locale":"en-US"}}',
    '{"kind":"AudioData2","audioData2":null}',
)
"""Kinds a client does not know; the service may grow new ones any day."""
