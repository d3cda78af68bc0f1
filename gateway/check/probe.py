"""What only the phone network knows, measured on one call: a signal goes out, and what comes back of it is looked at.

The far side must let some of our sound back in: a phone on loudspeaker, or `acs.channel_type: mixed`. Pure: signals and
moments in, a result out.

    0.0 s   ten short chirps of rising pitch, 0.1 s apart: the first ones that never return show what a new stream loses
    2.5 s   three long chirps, a second apart: how long sound is under way, and how loud it comes back
    6.0 s   a train of short chirps, stopped at 7.5 s by StopAudio: how long it is heard on
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import Int16Array

Floats = npt.NDArray[np.float64]

LENGTH_S = 9.5
"""Of the whole probe; what is sent ends before, and what is under way must still come back."""
LADDER_S, LADDER_STEP_S, LADDER_STEPS = 0.0, 0.1, 10
MARKS_S = (2.5, 3.5, 4.5)
SWEEPS_HZ = ((500.0, 3000.0), (3000.0, 500.0), (1400.0, 3200.0))
"""Of the long chirps: so different that none is taken for another."""
TRAIN_S, STOP_S, TRAIN_END_S = 6.0, 7.5, 8.2
SHORT_S, LONG_S = 0.06, 0.25
LOWEST_HZ, LADDER_HZ, SWEEP_HZ = 450.0, 240.0, 180.0
"""A telephone carries 300 to 3,400 Hz; the ladder climbs from the lowest by this much a step, each sweeping so far."""
PEAK = 9000.0
LONGEST_S = 2.0
"""Of a round trip that is looked for."""
LOUD_DB = -30.0
"""Own voice that turn detection may take for the caller's."""
NOTHING = (
    "nothing of our own sound came back: no own voice to be afraid of, and nothing to measure by. For the delays call "
    "again from a phone on loudspeaker"
)
SURE = 9.0
"""A peak this many times above the median of the correlation is a chirp; of noise alone it is six times as high."""
AGREE_S = 0.03
"""Two chirps that say so nearly the same are believed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds and decibels; None: could not be measured."""

    round_trip_s: float | None
    """from the moment a sample is to be played until it is back"""
    leak_db: float | None
    """how loud it comes back; negative"""
    start_loss_s: float | None
    """sound sent earlier than this after the stream opened is lost"""
    stop_lag_s: float | None
    """how long sound is heard after StopAudio; what was under way is not counted"""


def probe(rate_hz: int) -> Int16Array:
    """What is sent, from the moment the stream opens."""
    track = np.zeros(round(LENGTH_S * rate_hz), np.float64)
    for step in range(LADDER_STEPS):
        _put(track, _ladder(step, rate_hz), LADDER_S + step * LADDER_STEP_S, rate_hz)
    for number, at in enumerate(MARKS_S):
        _put(track, _mark(number, rate_hz), at, rate_hz)
    for number, at in enumerate(_train()):
        _put(track, _ladder(number % LADDER_STEPS, rate_hz), at, rate_hz)
    return np.rint(track).astype(np.int16)


def measure(back: Int16Array, rate_hz: int) -> Measured:
    """What comes of it.

    Args:
        back: the caller's side from the moment the stream opened, without holes.
        rate_hz: of it.
    """
    heard = back.astype(np.float64)
    trips = [_find(heard, _mark(number, rate_hz), at, rate_hz) for number, at in enumerate(MARKS_S)]
    found = sorted(trip for trip in trips if trip is not None)
    agreeing = [low for low, high in pairwise(found) if high - low <= AGREE_S]
    if not agreeing:
        return Measured(None, None, None, None)
    round_trip_s = agreeing[0]
    return Measured(
        round_trip_s,
        _level_db(heard, round_trip_s, rate_hz),
        _start_loss_s(heard, round_trip_s, rate_hz),
        _stop_lag_s(heard, round_trip_s, rate_hz),
    )


# --- signals ------------------------------------------------------------------------------------------------------


def _sweep(low_hz: float, high_hz: float, seconds: float, rate_hz: int) -> Floats:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * (low_hz * at + (high_hz - low_hz) / (2 * seconds) * at**2)
    faded: Floats = PEAK * np.sin(phase) * np.hanning(len(at))
    return faded


def _ladder(step: int, rate_hz: int) -> Floats:
    low = LOWEST_HZ + step * LADDER_HZ
    return _sweep(low, low + SWEEP_HZ, SHORT_S, rate_hz)


def _mark(number: int, rate_hz: int) -> Floats:
    low, high = SWEEPS_HZ[number]
    return _sweep(low, high, LONG_S, rate_hz)


def _train() -> list[float]:
    return [float(at) for at in np.arange(TRAIN_S, TRAIN_END_S, LADDER_STEP_S)]


def _put(track: Floats, sound: Floats, at: float, rate_hz: int) -> None:
    start = round(at * rate_hz)
    track[start : start + len(sound)] += sound


# --- finding them again -------------------------------------------------------------------------------------------


def _correlated(heard: Floats, sound: Floats, start: float, length_s: float, rate_hz: int) -> Floats:
    """How much of `sound` begins at every sample of a stretch."""
    first = max(0, round(start * rate_hz))
    stretch = heard[first : first + round(length_s * rate_hz) + len(sound)]
    if len(stretch) < len(sound):
        return np.zeros(0)
    found: Floats = np.abs(np.correlate(stretch, sound, "valid")) / float(np.dot(sound, sound))
    return found


def _find(heard: Floats, sound: Floats, sent_at: float, rate_hz: int) -> float | None:
    """How long after it was sent a chirp is back."""
    match = _correlated(heard, sound, sent_at, LONGEST_S, rate_hz)
    if not len(match) or match.max() < SURE * max(float(np.median(match)), 1e-9):
        return None
    return float(match.argmax()) / rate_hz


def _near(heard: Floats, sound: Floats, at: float, rate_hz: int) -> float:
    """The best match within a few hundredths of a second of where it should be."""
    match = _correlated(heard, sound, at - 0.02, 0.04, rate_hz)
    return float(match.max()) if len(match) else 0.0


def _level_db(heard: Floats, round_trip_s: float, rate_hz: int) -> float:
    marks = [_near(heard, _mark(number, rate_hz), at + round_trip_s, rate_hz) for number, at in enumerate(MARKS_S)]
    match = max(marks)
    return float(20 * np.log10(max(match, 1e-6)))


def _threshold(heard: Floats, round_trip_s: float, rate_hz: int) -> float:
    """Half of what a short chirp that surely came back matches: those at the train's beginning."""
    sure = [
        _near(heard, _ladder(number % LADDER_STEPS, rate_hz), at + round_trip_s, rate_hz)
        for number, at in enumerate(_train())
        if at + SHORT_S < STOP_S - 0.1
    ]
    return float(np.median(sure)) / 2


def _start_loss_s(heard: Floats, round_trip_s: float, rate_hz: int) -> float | None:
    least = _threshold(heard, round_trip_s, rate_hz)
    for step in range(LADDER_STEPS):
        at = LADDER_S + step * LADDER_STEP_S
        if _near(heard, _ladder(step, rate_hz), at + round_trip_s, rate_hz) >= least:
            return at
    return None


def _stop_lag_s(heard: Floats, round_trip_s: float, rate_hz: int) -> float | None:
    least = _threshold(heard, round_trip_s, rate_hz)
    last = None
    for number, at in enumerate(_train()):
        if _near(heard, _ladder(number % LADDER_STEPS, rate_hz), at + round_trip_s, rate_hz) >= least:
            last = at + SHORT_S
    return None if last is None else max(0.0, last - STOP_S)


def settings(measured: Measured) -> list[str]:
    """What follows for a configuration, in words."""
    if measured.round_trip_s is None or measured.leak_db is None:
        return [NOTHING]
    milliseconds = round(measured.round_trip_s * 1000)
    delay = "call.far_end_delay_ms is at most that, less the way back: half of it to two thirds is a fair guess"
    loud = "" if measured.leak_db < LOUD_DB else ", and let agents be interrupted by words only (interruptions: resume)"
    found = [
        f"round trip {milliseconds} ms: {delay}",
        f"our own voice comes back with {measured.leak_db:.0f} dB: keep echo_cancellation on{loud}",
    ]
    if measured.start_loss_s is None:
        found.append("nothing of the first second came back: call.start_lead_in_ms should be 1000, and measure again")
    elif measured.start_loss_s > 0:
        found.append(
            f"the first {measured.start_loss_s * 1000:.0f} ms of a stream are lost: call.start_lead_in_ms should be "
            f"{measured.start_loss_s * 1000 + 100:.0f}"
        )
    else:
        found.append("nothing of a stream's beginning is lost: call.start_lead_in_ms may stay as it is")
    if measured.stop_lag_s is not None:
        found.append(
            f"StopAudio takes effect within {measured.stop_lag_s * 1000 + LADDER_STEP_S * 1000:.0f} ms (steps of 100)"
        )
    return found
