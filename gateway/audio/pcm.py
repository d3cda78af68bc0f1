"""Audio formats, and the one place where units of audio convert.

Inside the gateway audio time is a whole number of samples at a known rate. Samples are int16, mono, shape (n,).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Int16Array: TypeAlias = npt.NDArray[np.int16]

FRAME_S = 0.02
"""Length of a media frame on the phone leg (Azure Communication Services sends 50 a second)."""
FRAMES_PER_SECOND = 50


class Codec(StrEnum):
    PCM16 = "pcm16"
    ULAW = "g711_ulaw"
    ALAW = "g711_alaw"


class Direction(StrEnum):
    """Ways of audio through the gateway."""

    UPLINK = "uplink"  # phone to model
    DOWNLINK = "downlink"  # model to phone


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Codec and rate of one direction of one leg; mono.

    Raises:
        ValueError: a rate the signal path does not have, or G.711 at another rate than 8 kHz.
    """

    codec: Codec
    rate_hz: int

    def __post_init__(self) -> None:
        if self.rate_hz not in (8000, 16000, 24000):
            raise ValueError(f"rate must be 8000, 16000 or 24000 Hz, not {self.rate_hz}")
        if self.codec is not Codec.PCM16 and self.rate_hz != 8000:  # noqa: PLR2004 - G.711 is 8 kHz by definition
            raise ValueError(f"{self.codec} exists at 8000 Hz only")

    @property
    def frame_samples(self) -> int:
        return self.rate_hz // FRAMES_PER_SECOND

    @property
    def bytes_per_sample(self) -> int:
        return 2 if self.codec is Codec.PCM16 else 1

    @property
    def frame_bytes(self) -> int:
        return self.frame_samples * self.bytes_per_sample

    def __str__(self) -> str:
        return f"{self.codec}@{self.rate_hz}"


PCM16_8K = AudioFormat(Codec.PCM16, 8000)
PCM16_16K = AudioFormat(Codec.PCM16, 16000)
PCM16_24K = AudioFormat(Codec.PCM16, 24000)
