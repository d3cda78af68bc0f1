"""Finds a known recording in what a caller heard: when it began, when it broke off, how like the original it was.

Normalised cross-correlation in the middle of the telephone band, so that neither a gain nor G.711 nor another rate
matters; a filter that bends phases in that band does. Pieces of the recording are looked for first (by FFT); where
one is found the recording may have been played, and 20 ms blocks at that offset tell which part of it was heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.phone.voices import change_rate

Samples = npt.NDArray[np.float64]

_HZ = 8000
"""All is compared at this rate: a telephone has nothing above half of it."""
_LOW_HZ, _HIGH_HZ = 500.0, 3000.0
"""Within what every telephone lets through, away from the edges where filters turn phases."""
_PIECE, _STEP = round(0.4 * _HZ), round(0.2 * _HZ)
"""Pieces that are looked for: whatever is heard for 0.6 s holds a whole one."""
_BLOCK = round(0.02 * _HZ)
_SMOOTH = np.ones(5)
"""Blocks are judged with their neighbours: 20 ms of one voice may be like 20 ms of another, 100 ms hardly."""
_SHORTEST_BLOCKS = 15
"""Of one voice up to 200 ms here and there are like something else it said."""
_LARGEST_HOLE_BLOCKS = 5
"""What is missing for longer parts two matches."""
_SOFT_BLOCKS = 2
"""So much of the edges may drown in the noise of a line."""
_APART = round(0.02 * _HZ)
"""Offsets nearer than this are one playing of the recording."""
_LOUD = 10 ** (-30 / 20)
"""Blocks this much below the loudest one are its pauses: they are in every recording."""
_SILENCE_RMS = 3.0
"""What is softer at the ear was not played."""


@dataclass(frozen=True, slots=True)
class Match:
    """One playing of a recording, from the first of its sound that was heard to the last; 20 ms exactly."""

    start_at: float
    """monotonic seconds, like all times of a call's record"""
    end_at: float
    from_s: float
    """where in the recording that begins"""
    to_s: float
    coverage: float
    """how much of the recording's sound was heard, 0 to 1"""
    begins_whole: bool
    """nothing of the recording's sound is missing before `from_s`"""
    ends_whole: bool
    """nor after `to_s`"""
    correlation: float
    """of the part that was heard with the original, 0 to 1"""

    @property
    def whole(self) -> bool:
        """Heard from its first sound to its last, without a hole."""
        return self.begins_whole and self.ends_whole and self.coverage > 0.95  # noqa: PLR2004 - a soft block may drown


def heard_at(record: CallRecord, samples: Int16Array, rate_hz: int, *, least: float = 0.6) -> list[Match]:
    """Every playing of a recording in the ear's track, in order of time.

    A playing with a hole of silence in it is two matches, as what follows the hole is late. A part shorter than 0.6 s
    of a longer recording may not be found; look for that part alone. In a sound that repeats itself, such as a tone,
    `from_s` and `to_s` mean little.

    Args:
        record: of the call.
        samples: the recording, mono, shape (n,).
        rate_hz: of `samples`, any.
        least: correlation below which something else was heard; another sentence of the same voice reaches 0.5.

    Raises:
        ValueError: the recording is silent or empty.
    """
    clip = _middle_band(change_rate(samples, rate_hz, record.TRACK_HZ), record.TRACK_HZ)
    track = _middle_band(record.ear_track, record.TRACK_HZ)
    loud = _loud_blocks(clip)
    if not loud.any():
        raise ValueError("there is nothing to be heard in the recording")
    found: list[Match] = []
    for offset in _offsets(track, clip, loud, least):
        found += _matches(track, clip, loud, offset, record.origin, least)
    return _distinct(found)


def _middle_band(samples: Int16Array, rate_hz: int) -> Samples:
    """The middle of the telephone band, at `_HZ`, shape (samples * _HZ / rate_hz,)."""
    ratio = rate_hz // _HZ
    size = 1 << max(6, len(samples).bit_length())
    spectrum = np.fft.rfft(samples, size)[: size // ratio // 2 + 1]
    hertz = np.arange(len(spectrum)) * (rate_hz / size)
    spectrum[(hertz < _LOW_HZ) | (hertz > _HIGH_HZ)] = 0
    return np.fft.irfft(spectrum, size // ratio)[: len(samples) // ratio] / ratio


def _loud_blocks(clip: Samples) -> npt.NDArray[np.bool_]:
    """Which blocks of the recording have sound, shape (blocks,)."""
    blocks = clip[: len(clip) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    if not len(blocks):
        return np.zeros(0, bool)
    level = np.sqrt(np.mean(blocks**2, axis=1))
    return np.asarray(level > max(_SILENCE_RMS, level.max() * _LOUD))


def _offsets(track: Samples, clip: Samples, loud: npt.NDArray[np.bool_], least: float) -> list[float]:
    """Where in the track the recording's first sample would lie, for every playing; the best first."""
    sums = np.concatenate([[0.0], np.cumsum(track**2)])
    size = 1 << (len(track) + _PIECE).bit_length()
    spectrum = np.fft.rfft(track, size)
    votes: list[tuple[float, float]] = []
    for start in range(0, max(1, len(clip) - _PIECE + _STEP), _STEP):
        piece = clip[start : start + _PIECE]
        if len(piece) > len(track) or loud[start // _BLOCK : (start + _PIECE) // _BLOCK].mean() < 0.5:  # noqa: PLR2004 - mostly pause
            continue
        count = len(track) - len(piece) + 1
        products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, size)), size)[:count]
        energy = np.maximum(sums[len(piece) :] - sums[:count], len(piece) * _SILENCE_RMS**2)
        likeness = products / np.sqrt(energy * np.sum(piece**2))
        votes += [(float(likeness[place]), _summit(likeness, place) - start) for place in _peaks(likeness, least)]
    offsets: list[float] = []
    for _, offset in sorted(votes, reverse=True):
        if all(abs(offset - other) > _APART for other in offsets):
            offsets.append(offset)
    return offsets


def _peaks(likeness: Samples, least: float) -> npt.NDArray[np.int_]:
    """The places above `least` that are the highest for `_APART` to both sides."""
    above = np.flatnonzero(likeness >= least)
    if not len(above):
        return above
    groups = np.split(above, np.flatnonzero(np.diff(above) > _APART) + 1)
    return np.array([group[np.argmax(likeness[group])] for group in groups])


def _summit(likeness: Samples, place: int) -> float:
    """Where between the samples the highest likeness lies, by a parabola through three of them."""
    if not 0 < place < len(likeness) - 1:
        return float(place)
    before, top, after = likeness[place - 1 : place + 2]
    bend = before - 2 * top + after
    return float(place + 0.5 * (before - after) / bend) if bend else float(place)


def _matches(  # noqa: PLR0913 - the two sounds, what is loud in one, where they meet, when that is, and how alike
    track: Samples, clip: Samples, loud: npt.NDArray[np.bool_], offset: float, origin: float, least: float
) -> list[Match]:
    """Which blocks of the recording were heard at this offset, hole by hole."""
    whole, fraction = int(np.floor(offset)), offset - np.floor(offset)
    blocks = _delayed(clip, fraction)[: len(loud) * _BLOCK].reshape(-1, _BLOCK)
    at_ear = _stretch(track, whole, len(loud) * _BLOCK).reshape(-1, _BLOCK)
    products = np.sum(blocks * at_ear, axis=1)
    powers, ear_powers = np.sum(blocks**2, axis=1), np.sum(at_ear**2, axis=1)
    audible = ear_powers > _BLOCK * _SILENCE_RMS**2
    alike = products >= least / 2 * np.sqrt(powers * ear_powers)
    around = [np.convolve(sums, _SMOOTH, "same")[: len(loud)] for sums in (products, powers, ear_powers)]
    heard = loud & audible & alike & (around[0] >= least * np.sqrt(around[1] * around[2]))
    wanted = np.flatnonzero(loud)
    matches = []
    for part in _runs(np.flatnonzero(heard[wanted])):
        if len(part) < min(_SHORTEST_BLOCKS, 0.75 * len(wanted)):
            continue
        places = wanted[part]
        first, end = int(places[0]), int(places[-1]) + 1
        match = Match(
            start_at=origin + (offset + first * _BLOCK) / _HZ,
            end_at=origin + (offset + end * _BLOCK) / _HZ,
            from_s=first * _BLOCK / _HZ,
            to_s=end * _BLOCK / _HZ,
            coverage=float(powers[places].sum() / powers[wanted].sum()),
            begins_whole=bool(part[0] <= _SOFT_BLOCKS),
            ends_whole=bool(part[-1] >= len(wanted) - 1 - _SOFT_BLOCKS),
            correlation=float(products[places].sum() / np.sqrt(powers[places].sum() * ear_powers[places].sum())),
        )
        matches.append(match)
    return matches


def _runs(places: npt.NDArray[np.int_]) -> list[npt.NDArray[np.int_]]:
    """Ascending places in groups without large holes."""
    return np.split(places, np.flatnonzero(np.diff(places) > _LARGEST_HOLE_BLOCKS) + 1)


def _delayed(clip: Samples, fraction: float) -> Samples:
    """The recording, later by a fraction of a sample."""
    size = 1 << (len(clip) + _BLOCK).bit_length()
    turn = np.exp(-2j * np.pi * fraction * np.fft.rfftfreq(size))
    return np.fft.irfft(np.fft.rfft(clip, size) * turn, size)[: len(clip)]


def _stretch(track: Samples, start: int, length: int) -> Samples:
    """Part of a track, silence where it has none."""
    part = np.zeros(length)
    first, end = max(0, start), min(len(track), start + length)
    if first < end:
        part[first - start : end - start] = track[first:end]
    return part


def _distinct(matches: list[Match]) -> list[Match]:
    """Without those that share their time with a better one, which an echo of the recording in itself makes."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda match: match.coverage * match.correlation, reverse=True):
        if all(match.end_at <= other.start_at or match.start_at >= other.end_at for other in kept):
            kept.append(match)
    return sorted(kept, key=lambda match: match.start_at)
