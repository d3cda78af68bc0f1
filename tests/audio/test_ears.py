"""Our own ears against speech whose beginning and end are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gateway.audio.ears import Ears, End, Onset
from gateway.audio.level import dbfs_to_rms, rms
from gateway.simulator.clips import load_clip

RATE_HZ = 16000
FRAME = 320
LEAD_S = 1.0
CLIPS = ["caller.turn1", "caller.turn2", "caller.turn3", "caller.turn4"]
FloatArray = npt.NDArray[np.float64]


def noise(count: int, dbfs: float, seed: int = 1) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(count) * dbfs_to_rms(dbfs)


def listen(wave: FloatArray) -> list[Onset | End]:
    ears, heard = Ears(), []
    for index in range(len(wave) // FRAME):
        piece = np.clip(wave[index * FRAME : (index + 1) * FRAME], -32768, 32767).astype(np.int16)
        event = ears.hear(rms(piece), (index + 1) * FRAME / RATE_HZ)
        if event is not None:
            heard.append(event)
    return heard


def spoken(name: str, noise_dbfs: float, level_db: float = 0.0) -> tuple[FloatArray, float, float]:
    """A clip on a line with a second of noise at either side; the true onset and end of its voice in seconds."""
    clip = load_clip(name).samples.astype(np.float64) * 10 ** (level_db / 20)
    loud = np.flatnonzero(np.abs(clip) > 0.02 * np.max(np.abs(clip)))
    silence = np.zeros(round(LEAD_S * RATE_HZ))
    wave = np.concatenate([silence, clip, silence])
    return wave + noise(len(wave), noise_dbfs), LEAD_S + loud[0] / RATE_HZ, LEAD_S + loud[-1] / RATE_HZ


def first_and_last(heard: list[Onset | End]) -> tuple[float, float]:
    onsets = [event.at for event in heard if isinstance(event, Onset)]
    ends = [event.at for event in heard if isinstance(event, End)]
    assert len(onsets) == len(ends) >= 1
    return onsets[0], ends[-1]


@pytest.mark.parametrize("name", CLIPS)
def test_the_true_beginning_and_end_of_clean_speech(name: str) -> None:
    wave, onset, end = spoken(name, -70.0)
    heard_onset, heard_end = first_and_last(listen(wave))
    assert heard_onset == pytest.approx(onset, abs=0.06)
    assert heard_end == pytest.approx(end, abs=0.06)


@pytest.mark.parametrize("name", CLIPS)
def test_speech_over_a_noisy_line(name: str) -> None:
    """20 dB above the noise; what is quieter than the noise is not heard, at the soft ends of words."""
    wave, onset, end = spoken(name, -40.0)
    heard_onset, heard_end = first_and_last(listen(wave))
    assert heard_onset == pytest.approx(onset, abs=0.14)
    assert heard_end == pytest.approx(end, abs=0.14)


@pytest.mark.parametrize("level_db", [-15.0, -8.0, 0.0, 8.0])
def test_soft_and_loud_callers_are_heard(level_db: float) -> None:
    wave, onset, _ = spoken("caller.turn1", -70.0, level_db)
    heard_onset, _ = first_and_last(listen(wave))
    assert heard_onset == pytest.approx(onset, abs=0.1)


@pytest.mark.parametrize("dbfs", [-60.0, -50.0, -42.0, -35.0])
def test_constant_noise_is_nobody(dbfs: float) -> None:
    heard = listen(noise(10 * RATE_HZ, dbfs))
    assert [event for event in heard if event.at > 3.0] == []


def test_a_click_is_no_onset() -> None:
    wave = noise(3 * RATE_HZ, -65.0)
    wave[RATE_HZ : RATE_HZ + 600] += 12000.0
    assert listen(wave) == []


def test_the_end_is_dated_back_to_the_last_voiced_frame() -> None:
    wave = noise(3 * RATE_HZ, -65.0)
    wave[RATE_HZ // 2 : RATE_HZ] += noise(RATE_HZ // 2, -20.0, seed=2)
    onset, end = listen(wave)
    assert isinstance(onset, Onset)
    assert isinstance(end, End)
    assert onset.at == pytest.approx(0.5, abs=0.021)
    assert end.at == pytest.approx(1.0, abs=0.021)


def test_pauses_within_a_word_do_not_end_it() -> None:
    wave = noise(3 * RATE_HZ, -65.0)
    for start in (0.5, 0.8, 1.1):
        begin = round(start * RATE_HZ)
        wave[begin : begin + RATE_HZ // 6] += noise(RATE_HZ // 6, -20.0, seed=3)
    assert len(listen(wave)) == 2
