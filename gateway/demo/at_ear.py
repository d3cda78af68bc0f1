"""Where a known sound is in a recording, and how much of it is there: the judge of what was heard.

Nothing in here trusts anybody's bookkeeping. The sound the model service generated is searched for in what the ear
recorded, by cross-correlation, and compared with it every 5 ms.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import Int16Array
from gateway.demo.facts import TRACK_HZ, Piece

_STEP = TRACK_HZ // 200
"""5 ms: short enough to place a cut, long enough for a correlation of speech to mean something."""
_ALIKE = 0.75
"""Normalised correlation of the same 5 ms of speech after resampling or G.711; unrelated speech stays far below."""
_QUIET = 10 ** (-50 / 20) * 32768.0
_MAX_MISSES = 6
"""Steps in a row that may differ within one piece: a soft consonant after G.711."""
_MIN_BEGINNING_S = 0.06
"""The first syllable of an answer that was cut at once."""
_MIN_PIECE_S = 0.3
"""Any other piece. Synthesised words are the same sound wherever they occur: what is short may be somebody else's."""
_MAX_PIECES = 8
_AS_GOOD = 0.8
"""Of the best correlation: the same sentence said again is as good a match, and only the first one can be meant."""
_REFINE = TRACK_HZ // 40
"""25 ms, two periods of a deep voice: a voice resembles itself one period earlier."""

Floats = npt.NDArray[np.float64]


def find_pieces(
    sound: Int16Array, ear: Int16Array, ear_at_s: float, not_before_s: float, begun_by_s: float = math.inf
) -> list[Piece]:
    """The stretches of `sound` that are in `ear`, in the order they were heard.

    Sentences are said more than once, in one voice and with the very same samples. Of several places that match, the
    earliest is taken; the two bounds keep out what was said at another time.

    Args:
        sound: at TRACK_HZ.
        ear: the recording, at TRACK_HZ.
        ear_at_s: time of its first sample.
        not_before_s: nothing of `sound` can have been heard earlier.
        begun_by_s: whatever was heard of it is of a sound that began by then, had it been heard whole.
    """
    recorded = ear.astype(np.float64)
    found: list[Piece] = []
    begun_by = round(min(begun_by_s - ear_at_s, len(ear) / TRACK_HZ) * TRACK_HZ)
    open_parts = [(0, len(sound), max(0, round((not_before_s - ear_at_s) * TRACK_HZ)), len(ear))]
    while open_parts and len(found) < _MAX_PIECES:
        first, last, earliest, latest = open_parts.pop()
        part = sound[first:last].astype(np.float64)
        place = _find(part, recorded[earliest:latest], begun_by + first - earliest)
        if place is None:
            continue
        is_beginning = place[0] == first == 0 and not found
        if place[1] - place[0] < (_MIN_BEGINNING_S if is_beginning else _MIN_PIECE_S) * TRACK_HZ:
            continue
        begin, end, at = first + place[0], first + place[1], earliest + place[2]
        found.append(Piece(begin * 1000 / TRACK_HZ, end * 1000 / TRACK_HZ, ear_at_s + at / TRACK_HZ))
        open_parts += [(first, begin, earliest, at), (end, last, at + end - begin, latest)]  # in order, or not at all
    return sorted(found, key=lambda piece: piece.at_s)


def _find(sound: Floats, recorded: Floats, latest: int) -> tuple[int, int, int] | None:
    """The best unbroken match: from, to (within the sound), and the place of `from` in the recording.

    The place of the sound's first sample is at most `latest`.
    """
    if min(len(sound), len(recorded), len(sound) + latest) < _STEP or np.abs(sound).max() < _QUIET:
        return None
    lag = _best_lag(sound, recorded, latest)
    start, stop = max(0, -lag), min(len(sound), len(recorded) - lag)
    start += -start % _STEP
    count = (stop - start) // _STEP
    if count <= 0:
        return None
    theirs = recorded[start + lag : start + lag + count * _STEP].reshape(count, _STEP)
    ours = sound[start : start + count * _STEP].reshape(count, _STEP)
    run = _longest_run(*_compare(ours, theirs))
    if run is None:
        return None
    begin = 0 if run[0] == 0 and start < _STEP else start + run[0] * _STEP
    end = start + run[1] * _STEP
    end = stop if stop - end < _STEP else end
    return begin, end, begin + lag


def _best_lag(sound: Floats, recorded: Floats, latest: int) -> int:
    """Where `sound` begins in `recorded`; negative: before it. Of places that match as well, the earliest."""
    size = 1 << int(np.ceil(np.log2(len(sound) + len(recorded))))
    spectrum = np.fft.rfft(recorded, size) * np.conj(np.fft.rfft(sound, size))
    circular = np.fft.irfft(spectrum, size)
    correlation = np.concatenate([circular[size - len(sound) + 1 :], circular[: len(recorded)]])[: len(sound) + latest]
    first = int(np.argmax(correlation >= _AS_GOOD * correlation.max()))
    return first + int(np.argmax(correlation[first : first + _REFINE])) - len(sound) + 1


def _compare(ours: Floats, theirs: Floats) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Per step: the sound is there; the sound is too soft to tell."""
    power, their_power = (ours**2).sum(axis=1), (theirs**2).sum(axis=1)
    alike = (ours * theirs).sum(axis=1) > _ALIKE * np.sqrt(power * their_power)
    quiet = power < _QUIET**2 * _STEP
    return alike & ~quiet & (their_power > 0), quiet & (their_power < 4 * _QUIET**2 * _STEP)


def _longest_run(there: npt.NDArray[np.bool_], unsure: npt.NDArray[np.bool_]) -> tuple[int, int] | None:
    """The run with most steps that are there, widened by the soft steps around it; None: nothing is there."""
    best: tuple[int, int, int] | None = None
    begin, hits, misses, last = 0, 0, 0, -1
    for step in range(len(there) + 1):
        ended = step == len(there)
        if not ended and there[step]:
            begin, hits = (step, 0) if not hits else (begin, hits)
            hits, misses, last = hits + 1, 0, step
            continue
        misses += 0 if ended or unsure[step] else 1
        if hits and (ended or misses > _MAX_MISSES):
            best = (hits, begin, last + 1) if best is None or hits > best[0] else best
            hits = 0
        misses = misses if hits else 0
    if best is None:
        return None
    _, first, end = best
    while first > 0 and unsure[first - 1]:
        first -= 1
    while end < len(unsure) and unsure[end]:
        end += 1
    return first, end
