"""What machines say on the telephone: a fax machine that calls, and a textphone (TTY)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import Int16Array

LEVEL_DBFS = -15.0
"""Root mean square: -9 dBm0, what a textphone sends to the line; fax machines send little less."""

CNG_HZ = 1100.0
CNG_ON_S, CNG_OFF_S = 0.5, 3.0
"""ITU-T T.30, calling tone."""

MARK_HZ, SPACE_HZ = 1400.0, 1800.0
"""ITU-T V.18 Annex A."""
US_BAUD, EUROPEAN_BAUD = 1000 / 22, 50.0
_CARRIER_S, _HOLD_S = 0.15, 0.3
"""Mark before the first character and after the last one."""

_LETTERS = "\0E\nA SIU\rDRJNFCKTZLWHYPQOBG\x0eMXV\x0f"
_FIGURES = "\0" + "3\n- \x0087\r\x004\0,\0:(5\0)2\x006019?\0\x0e./\0\x0f"
"""ITA2 by code, bit 1 lowest; \x0e and \x0f are the shifts. Figures that countries differ in are left out."""
_TO_FIGURES, _TO_LETTERS = 27, 31


def fax_calling_tone(
    seconds: float, rate_hz: int, *, frequency_hz: float = CNG_HZ, on_s: float = CNG_ON_S, off_s: float = CNG_OFF_S
) -> Int16Array:
    """What a fax machine says that calls, beginning with a burst; shape (n,).

    Args:
        seconds: how long, pauses included.
        rate_hz: of the samples.
        frequency_hz: T.30 allows 38 Hz to either side.
        on_s: of a burst; T.30 allows 15 % to either side.
        off_s: of the pause after it, likewise.
    """
    at_s: npt.NDArray[np.float64] = np.arange(round(seconds * rate_hz)) / rate_hz
    sounds = at_s % (on_s + off_s) < on_s
    return _sound(np.where(sounds, np.sin(2 * np.pi * frequency_hz * at_s), 0.0))


def baudot(
    text: str, rate_hz: int, *, baud: float = US_BAUD, stop_bits: float = 2.0, detuned: float = 1.0
) -> Int16Array:
    """What a textphone says when this is typed without a pause; shape (n,).

    Args:
        text: capital letters, digits, space and - , . : ( ) / ?
        rate_hz: of the samples.
        baud: bits a second, US_BAUD or EUROPEAN_BAUD.
        stop_bits: mark between two characters, in bits; V.18 asks for 1.5 at least.
        detuned: factor of both frequencies; V.18 allows 5 % to either side.

    Raises:
        ValueError: the text has another character.
    """
    steps = [(MARK_HZ, _CARRIER_S)]
    for code in _codes(text):
        bits = [False, *(bool(code >> place & 1) for place in range(5))]
        steps += [(MARK_HZ if bit else SPACE_HZ, 1 / baud) for bit in bits]
        steps.append((MARK_HZ, stop_bits / baud))
    steps.append((MARK_HZ, _HOLD_S))
    ends = np.rint(np.cumsum([length_s for _, length_s in steps]) * rate_hz).astype(np.int64)
    hz = np.repeat([hz for hz, _ in steps], np.diff(ends, prepend=0))
    return _sound(np.sin(2 * np.pi * detuned * np.cumsum(hz) / rate_hz))


def _codes(text: str) -> list[int]:
    """The text in ITA2, with the shifts it needs; a textphone begins with one."""
    codes: list[int] = []
    table, shift = "", 0
    for character in text:
        if not table or character not in table:
            table, shift = (_LETTERS, _TO_LETTERS) if character in _LETTERS else (_FIGURES, _TO_FIGURES)
            codes.append(shift)
        if not character.isprintable() or character not in table:
            raise ValueError(f"a textphone has no {character!r}")
        codes.append(table.index(character))
    return codes


def _sound(wave: npt.NDArray[np.float64]) -> Int16Array:
    """A wave whose sine has an amplitude of 1, at the level of the line."""
    sound: Int16Array = np.rint(wave * 32768 * 10 ** (LEVEL_DBFS / 20) * np.sqrt(2)).astype(np.int16)
    return sound
