"""Fax machines and textphones are recognised within their tolerances and over a bad line, and nobody else is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.audio.level import ComfortNoise, dbfs_to_rms, pcm_rms, rms, rms_to_dbfs
from gateway.audio.pcm import FRAME_S, Int16Array
from gateway.audio.tones import FAX_FOR_S, GLANCE_FRAMES, TTY_FOR_S, Tone, ToneWatch
from gateway.clips import load_clips
from gateway.simulator.clips import clip_names, load_clip, speech_at
from gateway.simulator.phone.channel import MOUTH_HZ, PhoneLine
from gateway.simulator.phone.machines import EUROPEAN_BAUD, US_BAUD, baudot, fax_calling_tone

RATES_HZ = [8000, 16000, 24000]
FloatArray = npt.NDArray[np.float64]

rates = st.sampled_from(RATES_HZ)
levels_dbfs = st.floats(-40.0, -3.0)
TEXTS = ["HELLO, THIS IS A TEXTPHONE. GA", "CALL 555-0100 PLEASE", "     ", "THE QUICK BROWN FOX"]


def heard(samples: Int16Array, rate_hz: int, watch: ToneWatch | None = None) -> list[Tone]:
    watch, frame = watch or ToneWatch(rate_hz), rate_hz // 50
    found = []
    for number in range(len(samples) // frame):
        pcm = samples[number * frame : (number + 1) * frame].tobytes()
        tone = watch.hear(pcm, pcm_rms(pcm), (number + 1) * FRAME_S)
        if tone is not None:
            found.append(tone)
    return found


def to_int16(wave: FloatArray) -> Int16Array:
    samples: Int16Array = np.rint(np.clip(wave, -32768, 32767)).astype(np.int16)
    return samples


@dataclass(frozen=True)
class Line:
    """The telephone band, with its noise and A-law; silence before and after the sound."""

    level_dbfs: float
    lead_s: float = 0.1
    snr_db: float | None = None

    def carry(self, samples: Int16Array, rate_hz: int) -> Int16Array:
        """From 16 kHz to the rate."""
        lead = np.zeros(2 * round(self.lead_s * MOUTH_HZ / 2), np.int16)
        gain_db = self.level_dbfs - rms_to_dbfs(rms(samples[np.abs(samples) > 0]))
        noise_dbfs = None if self.snr_db is None else self.level_dbfs - self.snr_db
        line = PhoneLine(rate_hz, codec="alaw", level_db=gain_db, noise_dbfs=noise_dbfs)
        return line.push(np.concatenate([lead, samples[: len(samples) // 2 * 2], np.zeros(MOUTH_HZ // 5, np.int16)]))


lines = st.builds(
    Line,
    level_dbfs=levels_dbfs,
    lead_s=st.floats(0.1, 0.2),  # frames begin anywhere
    snr_db=st.one_of(st.none(), st.floats(15.0, 40.0)),
)


def sine(hz: float, length_s: float, rate_hz: int, dbfs: float = -15.0) -> FloatArray:
    wave: FloatArray = np.sin(2 * np.pi * hz * np.arange(round(length_s * rate_hz)) / rate_hz)
    wave *= dbfs_to_rms(dbfs) * np.sqrt(2)
    return wave


def silence(length_s: float, rate_hz: int) -> FloatArray:
    return np.zeros(round(length_s * rate_hz))


def noise(length_s: float, rate_hz: int, dbfs: float, seed: int = 1) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(round(length_s * rate_hz)) * dbfs_to_rms(dbfs)


@cache
def all_speech(rate_hz: int) -> FloatArray:
    """Every clip there is, a minute and a half of a few voices, and a cough."""
    callers = [speech_at(load_clip(name), rate_hz) for name in clip_names()]
    return np.concatenate([*callers, *load_clips("en-US", rate_hz).values()]).astype(np.float64)


# Fax machines


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=rates,
    frequency_hz=st.floats(1062.0, 1138.0),
    on_s=st.floats(0.425, 0.575),
    off_s=st.floats(2.55, 3.45),
    line=lines,
)
def test_a_fax_machine_within_its_tolerances(
    rate_hz: int, frequency_hz: float, on_s: float, off_s: float, line: Line
) -> None:
    two_bursts_s = on_s + off_s + on_s + 0.1
    calling = fax_calling_tone(two_bursts_s, MOUTH_HZ, frequency_hz=frequency_hz, on_s=on_s, off_s=off_s)
    assert heard(line.carry(calling, rate_hz), rate_hz) == [Tone.FAX]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_fax_machine_in_wide_noise_at_every_place_of_a_frame(rate_hz: int) -> None:
    """White up to half the rate, as no line has it: more zero crossings."""
    calling = fax_calling_tone(4.2, rate_hz).astype(np.float64)
    for lead in range(0, rate_hz // 50, rate_hz // 1000):
        wave = np.concatenate([np.zeros(lead), calling])
        assert heard(to_int16(wave + noise(len(wave) / rate_hz, rate_hz, -30.0, lead)), rate_hz) == [Tone.FAX]


def test_a_fax_machine_is_known_as_the_second_burst_ends_and_said_once() -> None:
    watch = ToneWatch(8000)
    calling = fax_calling_tone(20.0, 8000)
    assert heard(calling[: 4 * 8000], 8000, watch) == [], "3.5 s to 4 s is the second burst"
    watch = ToneWatch(8000)
    assert heard(calling, 8000, watch) == [Tone.FAX]
    assert repr(watch) == "<ToneWatch for tty>"


def test_one_burst_is_a_beep() -> None:
    assert heard(fax_calling_tone(3.0, 8000), 8000) == []


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_pause_may_be_made_up_of_nothing_and_noise(rate_hz: int) -> None:
    """As the uplink has it: stretches of any length for which nothing came."""
    watch, burst, now = ToneWatch(rate_hz), fax_calling_tone(0.5, rate_hz), 100.0
    found = []
    frame = rate_hz // 50
    for _ in range(2):
        for pcm in (burst[start : start + frame].tobytes() for start in range(0, len(burst), frame)):
            now += FRAME_S
            found.append(watch.hear(pcm, pcm_rms(pcm), now))
        for length_s in (0.02, 1.5, 0.013, 1.467):
            now += length_s
            found.append(watch.hear(b"", 0.0, now))
    assert [tone for tone in found if tone] == [Tone.FAX]


def test_our_own_greeting_comes_back_between_the_bursts() -> None:
    calling = fax_calling_tone(4.2, 8000).astype(np.float64)
    echo = np.where(calling == 0.0, all_speech(8000)[8000 : 8000 + len(calling)], 0.0)
    assert rms(to_int16(echo)) > dbfs_to_rms(-35.0), "something is there"
    assert heard(to_int16(calling + echo * 10 ** (-12 / 20)), 8000) == [Tone.FAX]


@settings(max_examples=40, deadline=None)
@given(rate_hz=rates, on_s=st.floats(0.04, 3.0), off_s=st.floats(0.04, 5.0), hz=st.floats(1062.0, 1138.0))
def test_another_cadence_is_no_fax_machine(rate_hz: int, on_s: float, off_s: float, hz: float) -> None:
    assume(not (0.36 < on_s < 0.64 and 2.4 < off_s < 3.6))
    beeps = fax_calling_tone(3 * (on_s + off_s), rate_hz, frequency_hz=hz, on_s=on_s, off_s=off_s)
    assert heard(beeps, rate_hz) == []


@pytest.mark.parametrize(("on_s", "off_s"), [(0.33, 3.0), (0.66, 3.0), (2.0, 3.0), (0.5, 2.3), (0.5, 3.7), (0.5, 0.5)])
def test_a_cadence_near_to_it_is_no_fax_machine(on_s: float, off_s: float) -> None:
    assert heard(fax_calling_tone(20.0, 8000, on_s=on_s, off_s=off_s), 8000) == []


def test_between_the_bursts_a_fax_machine_makes_no_other_tone() -> None:
    beep, long_beep = sine(1100.0, 0.5, 8000), sine(1100.0, 1.5, 8000)
    pause = silence(0.75, 8000)
    assert heard(to_int16(np.concatenate([pause, *[beep, pause, long_beep, pause] * 4])), 8000) == []


@pytest.mark.parametrize("hz", [400.0, 950.0, 1000.0, 1020.0, 1180.0, 1209.0, 1300.0, 1400.0, 2100.0])
def test_the_same_cadence_at_another_frequency_is_no_fax_machine(hz: float) -> None:
    """Of the data modem's calling tone (1,300 Hz), of recorders (1,400 Hz), of beeps."""
    assert heard(fax_calling_tone(12.0, 8000, frequency_hz=hz), 8000) == []


# Textphones


@settings(max_examples=100, deadline=None)
@given(
    text=st.sampled_from(TEXTS),
    rate_hz=rates,
    sender=st.fixed_dictionaries(
        {
            "baud": st.sampled_from([US_BAUD, EUROPEAN_BAUD, 1000 / 21.6, 1000 / 22.4]),
            "stop_bits": st.sampled_from([1.5, 2.0]),
            "detuned": st.floats(0.95, 1.05),
        }
    ),
    line=lines,
)
def test_a_textphone_within_its_tolerances(text: str, rate_hz: int, sender: dict[str, float], line: Line) -> None:
    assert heard(line.carry(baudot(text, MOUTH_HZ, **sender), rate_hz), rate_hz) == [Tone.TTY]


@pytest.mark.parametrize("baud", [US_BAUD, EUROPEAN_BAUD])
def test_a_textphone_in_wide_noise_at_every_place_of_a_frame(baud: float) -> None:
    typed = baudot("HELLO THERE", 24000, baud=baud, detuned=1.05).astype(np.float64)
    for lead in range(0, 480, 24):
        wave = np.concatenate([np.zeros(lead), typed])
        assert heard(to_int16(wave + noise(len(wave) / 24000, 24000, -30.0, lead)), 24000) == [Tone.TTY]


def test_a_slow_typist_with_pauses_between_the_keys() -> None:
    keys = [np.concatenate([baudot(key, 8000), np.zeros(4000, np.int16)]) for key in "HELLO GA"]
    typed = to_int16(np.concatenate(keys) + noise(sum(map(len, keys)) / 8000, 8000, -32.0))
    assert heard(typed, 8000) == [Tone.TTY]


@given(cut_s=st.floats(0.15, 1.0), text=st.sampled_from(["THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG", 20 * " "]))
@settings(max_examples=40, deadline=None)
def test_a_text_of_which_the_beginning_is_missing(cut_s: float, text: str) -> None:
    typed = baudot(text, 8000)
    assert heard(typed[round(cut_s * 8000) :], 8000) == [Tone.TTY]


def test_a_few_keys_in_half_a_minute_are_not_enough() -> None:
    keys = [np.concatenate([baudot(key, 8000), np.zeros(2 * 8000, np.int16)]) for key in "HELLO GA"]
    assert heard(np.concatenate(keys), 8000) == []


def keyed(steps: list[tuple[float | None, int]]) -> FloatArray:
    """Frequencies, or nothing, each for so many milliseconds."""
    return np.concatenate([sine(hz, ms / 1000, 8000) if hz else silence(ms / 1000, 8000) for hz, ms in steps])


CHARACTER: list[tuple[float | None, int]] = [(1400.0, 60), (1800.0, 20), (1400.0, 20), (1800.0, 20), (1400.0, 80)]


def test_what_characters_are_made_of() -> None:
    assert heard(to_int16(np.tile(keyed(CHARACTER), 6)), 8000) == [Tone.TTY]


def test_a_character_with_a_hole_is_none() -> None:
    holed = keyed([*CHARACTER[:3], (None, 15), *CHARACTER[3:]])
    assert heard(to_int16(np.tile(holed, 20)), 8000) == []


def test_characters_among_what_is_none_do_not_count() -> None:
    without_stop = keyed([*CHARACTER[:3], (1800.0, 150)])
    assert heard(to_int16(np.tile(np.concatenate([keyed(CHARACTER), without_stop]), 20)), 8000) == []


def test_too_few_characters_or_none() -> None:
    assert heard(baudot("    ", 8000), 8000) == []
    assert heard(baudot("", 8000), 8000) == [], "the carrier alone"


def test_the_greeting_is_over_it_and_then_it_is_heard() -> None:
    typed = baudot("HELLO HELLO HELLO HELLO", 8000).astype(np.float64)
    greeting = all_speech(8000)[: len(typed)].copy()
    greeting[len(typed) // 2 :] = 0.0
    assert heard(to_int16(typed + greeting), 8000) == [Tone.TTY]


# Nobody


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("level_db", [-12.0, 0.0, 9.0])
def test_speech_is_neither(rate_hz: int, level_db: float) -> None:
    speech = all_speech(rate_hz) * 10 ** (level_db / 20)
    for start_s in range(0, len(speech) // rate_hz, 30):
        assert heard(to_int16(speech[start_s * rate_hz : (start_s + 30) * rate_hz]), rate_hz) == []


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_speech_over_a_line_is_neither(rate_hz: int) -> None:
    speech = to_int16(all_speech(MOUTH_HZ)[: 38 * MOUTH_HZ])
    assert heard(Line(-20.0, snr_db=15.0).carry(speech, rate_hz), rate_hz) == []


@settings(max_examples=40, deadline=None)
@given(
    rate_hz=rates,
    keys=st.lists(
        st.tuples(st.sampled_from([697, 770, 852, 941]), st.sampled_from([1209, 1336, 1477, 1633])), max_size=8
    ),
    on_s=st.sampled_from([0.05, 0.1, 0.5]),
    off_s=st.sampled_from([0.05, 0.5, 3.0]),
    twist_db=st.floats(-8.0, 4.0),
)
def test_keys_are_neither(
    rate_hz: int, keys: list[tuple[int, int]], on_s: float, off_s: float, twist_db: float
) -> None:
    """DTMF (ITU-T Q.23); the low tone may be 4 dB weaker than the high one, or 8 dB stronger (Q.24)."""
    parts = [silence(off_s, rate_hz)]
    for low_hz, high_hz in keys:
        parts += [sine(low_hz, on_s, rate_hz) + sine(high_hz, on_s, rate_hz, -15.0 + twist_db), parts[0]]
    assert heard(to_int16(np.concatenate(parts)), rate_hz) == []


@settings(max_examples=40, deadline=None)
@given(rate_hz=rates, hz=st.floats(60.0, 3400.0), length_s=st.floats(1.0, 8.0), level_dbfs=levels_dbfs)
def test_a_steady_tone_is_neither(rate_hz: int, hz: float, length_s: float, level_dbfs: float) -> None:
    hum = np.concatenate([sine(hz, length_s, rate_hz, level_dbfs), silence(0.5, rate_hz)])
    assert heard(to_int16(np.tile(hum, 2)), rate_hz) == []


@pytest.mark.parametrize("hz", [1000.0, 1100.0, 1400.0, 1800.0])
def test_a_hum_that_lasts_is_neither(hz: float) -> None:
    assert heard(to_int16(sine(hz, 45.0, 8000)), 8000) == []


@pytest.mark.parametrize(
    ("together_hz", "on_s", "off_s"),
    [
        ((350.0, 440.0), 5.0, 0.1),  # dial tone
        ((440.0, 480.0), 2.0, 4.0),  # ringback
        ((480.0, 620.0), 0.5, 0.5),  # busy
        ((425.0,), 1.0, 4.0),  # ringback in most of Europe
        ((400.0, 450.0), 0.4, 0.2),  # and in Britain
        ((1100.0, 1400.0), 0.5, 3.0),
    ],
    ids=str,
)
def test_tones_of_a_call_in_progress_are_neither(together_hz: tuple[float, ...], on_s: float, off_s: float) -> None:
    mixed = np.sum([sine(hz, on_s, 8000) for hz in together_hz], axis=0)
    assert heard(to_int16(np.tile(np.concatenate([mixed, silence(off_s, 8000)]), 4)), 8000) == []


def test_special_information_tones_are_neither() -> None:
    """ITU-T E.180: 950, 1,400 and 1,800 Hz, 0.33 s each; the last two are the textphone's."""
    three = np.concatenate([*(sine(hz, 0.33, 8000) for hz in (950.0, 1400.0, 1800.0)), silence(1.0, 8000)])
    assert heard(to_int16(np.tile(three, 15)), 8000) == []


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("dbfs", [-45.0, -30.0, -12.0])
def test_noise_is_neither(rate_hz: int, dbfs: float) -> None:
    assert heard(to_int16(noise(30.0, rate_hz, dbfs)), rate_hz) == []
    assert heard(ComfortNoise(1, rate_hz).take(30 * rate_hz, dbfs_to_rms(dbfs)), rate_hz) == []


NOTES_HZ = [880.0, 1046.5, 1108.73, 1174.66, 1318.51, 1396.91, 1567.98, 1760.0]
"""Pure, and with those of the fax machine (C sharp) and the textphone (F, A) among them."""


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=rates,
    beat_s=st.sampled_from([0.05, 0.0625, 0.125, 0.25, 0.5]),
    notes=st.lists(st.tuples(st.sampled_from(NOTES_HZ), st.integers(1, 2)), min_size=8, max_size=24),
)
def test_a_pure_melody_is_neither(rate_hz: int, beat_s: float, notes: list[tuple[float, int]]) -> None:
    melody = np.concatenate([sine(hz, beats * beat_s, rate_hz) for hz, beats in notes])
    assert heard(to_int16(np.tile(melody, 3)), rate_hz) == []


def test_a_bell_of_the_fax_machines_pitch_in_a_slow_tune_is_no_fax_machine() -> None:
    bar = np.concatenate([sine(1108.73, 0.5, 8000), *(sine(hz, 0.5, 8000) for hz in (880, 1318, 1175, 880, 1046, 988))])
    assert heard(to_int16(np.tile(bar, 8)), 8000) == []


def test_a_beep_between_other_notes_is_no_fax_machine() -> None:
    bar = np.concatenate([sine(1100.0, 0.5, 8000), silence(0.5, 8000), sine(400.0, 2.0, 8000), silence(0.5, 8000)])
    assert heard(to_int16(np.tile(bar, 4)), 8000) == []


@pytest.mark.parametrize(
    ("zero_hz", "one_hz", "baud"),
    [
        (1180.0, 980.0, 300),  # V.21, calling
        (1850.0, 1650.0, 300),  # V.21, answering; fax machines too
        (2200.0, 1200.0, 1200),  # Bell 202: caller identification
        (2100.0, 1300.0, 75),  # V.23
        (1800.0, 1400.0, 300),
        (1800.0, 1400.0, 100),
        (1800.0, 1400.0, 20),
    ],
)
def test_other_modems_are_no_textphone(zero_hz: float, one_hz: float, baud: int) -> None:
    bits = np.random.default_rng(1).integers(0, 2, 50 * baud)
    hz = np.repeat(np.where(bits == 1, one_hz, zero_hz), 24000 // baud)
    assert heard(to_int16(8000 * np.sin(2 * np.pi * np.cumsum(hz) / 24000)), 24000) == []


# The end


def test_nobody_is_listened_for_for_ever() -> None:
    watch = ToneWatch(8000)
    for after_s, waiting in (
        (0.0, "fax and tty"),
        (FAX_FOR_S - 0.01, "fax and tty"),
        (FAX_FOR_S + 0.01, "tty"),
        (TTY_FOR_S - 0.01, "tty"),
        (TTY_FOR_S + 0.01, "nothing"),
    ):
        assert not watch.done
        for _ in range(GLANCE_FRAMES):
            watch.hear(b"", 0.0, 100.0 + after_s)
        assert repr(watch) == f"<ToneWatch for {waiting}>"
    assert watch.done


def test_a_fax_machine_that_calls_later_is_not_noticed_and_a_textphone_is() -> None:
    watch = ToneWatch(8000)
    watch.hear(b"", 0.0, 0.0)
    for _ in range(GLANCE_FRAMES):
        watch.hear(b"", 0.0, FAX_FOR_S + 0.1)
    late = np.concatenate([fax_calling_tone(10.0, 8000), baudot("HELLO THERE", 8000)])
    found = []
    for number in range(len(late) // 160):
        pcm = late[number * 160 : (number + 1) * 160].tobytes()
        found.append(watch.hear(pcm, pcm_rms(pcm), FAX_FOR_S + 0.2 + number * FRAME_S))
    assert [tone for tone in found if tone] == [Tone.TTY]
    assert watch.done


def test_both_are_known_once() -> None:
    watch = ToneWatch(16000)
    both = np.concatenate([baudot("HELLO THERE", 16000), fax_calling_tone(12.0, 16000), baudot("HELLO", 16000)])
    assert heard(both, 16000, watch) == [Tone.TTY, Tone.FAX]
    assert watch.done


def test_what_is_no_frame_in_length_holds_no_tone() -> None:
    watch, now = ToneWatch(8000), 0.0
    calling = fax_calling_tone(12.0, 8000)
    for start in range(0, len(calling), 80):
        now += 0.01
        pcm = calling[start : start + 80].tobytes()
        assert watch.hear(pcm, pcm_rms(pcm), now) is None
    assert watch.hear(b"\x01", 500.0, now) is None, "half a sample, neither"
