"""Speech from espeak-ng's library, with the place of every word. Only for making clips and for `--say` of texts."""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache

import numpy as np

from gateway.audio.pcm import Int16Array

AUDIO_OUTPUT_SYNCHRONOUS = 2
CHARS_UTF8 = 1
POSITION_CHARACTER = 1
EVENT_LIST_TERMINATED = 0
EVENT_WORD = 1
PARAMETER_RATE = 1
EE_OK = 0


class EspeakMissing(RuntimeError):  # noqa: N818 - named for what happened
    """espeak-ng is not installed."""

    def __init__(self) -> None:
        super().__init__("espeak-ng is not installed; on Debian: apt-get install espeak-ng")


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a text sounds like."""

    samples: Int16Array
    rate_hz: int
    word_starts_ms: tuple[tuple[int, int], ...]
    """(position in the text, counted from 1; milliseconds into the sound) of every word"""


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The library, initialised once (it can not be twice), and its rate in Hz."""
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise EspeakMissing
    library = ctypes.CDLL(name)
    return library, library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, None, 0)


def speak(text: str, voice: str, words_per_minute: int) -> Spoken:
    """Speak a text.

    Raises:
        EspeakMissing: the library is not there.
        ValueError: it has no such voice.
    """
    library, rate_hz = _library()
    chunks: list[Int16Array] = []
    words: list[tuple[int, int]] = []

    def take(samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if count > 0:
            chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        index = 0
        while events[index].type != EVENT_LIST_TERMINATED:
            event = events[index]
            if event.type == EVENT_WORD:
                words.append((event.text_position, event.audio_position))
            index += 1
        return 0

    callback = _CALLBACK(take)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != EE_OK:
        raise ValueError(f"espeak-ng has no voice {voice}")
    library.espeak_SetParameter(PARAMETER_RATE, words_per_minute, 0)
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    return Spoken(np.concatenate(chunks).astype(np.int16), rate_hz, tuple(words))
