"""Hold music: broken chords of a soft electric piano, in a circle.

Everything is laid on a ring of ten seconds: a note that lasts beyond the end goes on at the beginning, and the band
limit is taken of the ring's spectrum. So the end leads into the beginning as any sample leads into the next.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.audio.level import dbfs_to_rms
from gateway.audio.pcm import Int16Array

SECONDS = 10
"""whole frames of 20 ms, so that nothing is filled up where the music begins again"""
LEVEL_DBFS = -26.0
"""6 dB below speech: it is to say that the line is alive, not to be listened to"""
BAND_HZ = (300.0, 3400.0)
"""what a telephone line carries (ITU-T G.712)"""

CHORDS = ((64, 67, 71, 74, 79), (64, 69, 72, 76, 79), (65, 69, 72, 76, 81), (65, 67, 71, 74, 79))
"""C, A minor, F and G with added notes, as MIDI numbers: from E4, 330 Hz, to A5, 880 Hz"""
ORDER = (0, 2, 1, 3, 4, 3, 1, 2)
"""of the notes in a chord"""
PARTIALS = ((1, 1.0, 1.0), (2, 0.3, 0.6), (3, 0.08, 0.35))
"""multiple of the note's frequency, share, and how long it rings compared with the first"""
RING_S = 0.7
"""until a note has faded to a third"""
NOTE_S = 4.0
ATTACK_S = 0.03


def hold_music(rate_hz: int) -> Int16Array:
    """`SECONDS` of mono at `rate_hz`, at `LEVEL_DBFS`, to be repeated for as long as it takes."""
    ring = np.zeros(SECONDS * rate_hz)
    step = len(ring) / (len(CHORDS) * len(ORDER))
    for bar, chord in enumerate(CHORDS):
        for beat, place in enumerate(ORDER):
            note = _note(440.0 * 2 ** ((chord[place] - 69) / 12), rate_hz)
            loudness = 1.0 if beat == 0 else 0.7
            begin = round((bar * len(ORDER) + beat) * step)
            np.add.at(ring, (begin + np.arange(len(note))) % len(ring), loudness * note)
    spectrum = np.fft.rfft(ring)
    hz = np.fft.rfftfreq(len(ring), 1 / rate_hz)
    spectrum[(hz < BAND_HZ[0]) | (hz > BAND_HZ[1])] = 0
    wave = np.fft.irfft(spectrum, len(ring))
    wave *= dbfs_to_rms(LEVEL_DBFS) / np.sqrt(np.mean(wave**2))
    samples: Int16Array = np.rint(wave).astype(np.int16)
    return samples


def _note(hz: float, rate_hz: int) -> npt.NDArray[np.float64]:
    """One touch of a key; it begins and ends in silence."""
    time = np.arange(round(NOTE_S * rate_hz)) / rate_hz
    tone = np.zeros(len(time))
    for multiple, share, rings in PARTIALS:
        tone += share * np.sin(2 * np.pi * hz * multiple * time) * np.exp(-time / (RING_S * rings))
    attack = 0.5 - 0.5 * np.cos(np.pi * np.minimum(1.0, time / ATTACK_S))
    end = np.minimum(1.0, (NOTE_S - time) / (NOTE_S / 4))
    return tone * attack * end
