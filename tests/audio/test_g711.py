"""The companding laws against the formulas of ITU-T G.711, written down here a second time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from gateway.audio import g711
from gateway.audio.pcm import Int16Array

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)

IntArray = npt.NDArray[np.int64]


def ulaw_level(code: int) -> int:
    """Table 2 of G.711: all bits inverted; sign, segment, step; a bias of 33 on the 14-bit scale."""
    code ^= 0xFF
    segment, step = code >> 4 & 7, code & 15
    magnitude = ((2 * step + 33) << segment) - 33
    return 4 * (-magnitude if code & 0x80 else magnitude)


def alaw_level(code: int) -> int:
    """Table 1 of G.711: even bits inverted; a set sign bit is positive; 13-bit scale, in half steps."""
    code ^= 0x55
    segment, step = code >> 4 & 7, code & 15
    magnitude = 2 * step + 1 if segment == 0 else (2 * step + 33) << (segment - 1)
    return 8 * (magnitude if code & 0x80 else -magnitude)


@dataclass(frozen=True)
class Law:
    decode: Callable[[bytes], Int16Array]
    encode: Callable[[Int16Array], bytes]
    level: Callable[[int], int]
    finest_step: int
    largest: int

    @property
    def levels(self) -> IntArray:
        return np.array([self.level(code) for code in range(256)])


ULAW = Law(g711.decode_ulaw, g711.encode_ulaw, ulaw_level, finest_step=8, largest=32124)
ALAW = Law(g711.decode_alaw, g711.encode_alaw, alaw_level, finest_step=16, largest=32256)

both_laws = pytest.mark.parametrize("law", [ULAW, ALAW], ids=["ulaw", "alaw"])


@both_laws
def test_every_code_decodes_to_its_level(law: Law) -> None:
    decoded = law.decode(ALL_CODES)
    assert decoded.dtype == np.int16
    assert decoded.tolist() == law.levels.tolist()


@both_laws
def test_every_sample_encodes_within_one_code_of_the_nearest(law: Law) -> None:
    ladder = np.unique(law.levels)  # both zeros of mu-law are one level
    nearest = np.searchsorted((ladder[1:] + ladder[:-1]) / 2, ALL_SAMPLES)
    chosen = np.searchsorted(ladder, law.levels[np.frombuffer(law.encode(ALL_SAMPLES), np.uint8)])
    assert np.max(np.abs(chosen - nearest)) == 1
    assert np.mean(chosen == nearest) > 0.98


@both_laws
def test_the_error_of_a_round_trip_is_bounded_by_its_step(law: Law) -> None:
    original = ALL_SAMPLES.astype(np.int64)
    error = np.abs(law.decode(law.encode(ALL_SAMPLES)) - original)
    inside = np.abs(original) <= law.largest
    # 16 steps to a segment: half a step is at most 1/32 of the magnitude; then what shortening the sample drops.
    assert np.all(error[inside] <= np.abs(original[inside]) / 32 + law.finest_step)
    assert np.max(error) <= 32768 - law.largest


@both_laws
def test_codes_survive_a_round_trip(law: Law) -> None:
    returned = law.encode(law.decode(ALL_CODES))
    changed = [code for code in range(256) if returned[code] != code]
    negative_zero = [0x7F] if law is ULAW else []  # decodes to 0, which encodes to the positive zero 0xFF
    assert changed == negative_zero


@both_laws
def test_nothing_decodes_and_encodes_to_nothing(law: Law) -> None:
    assert len(law.decode(b"")) == 0
    assert law.encode(np.empty(0, np.int16)) == b""


@both_laws
def test_a_strided_view_encodes_as_its_values(law: Law) -> None:
    assert law.encode(ALL_SAMPLES[::7]) == law.encode(ALL_SAMPLES[::7].copy())
