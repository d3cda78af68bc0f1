"""A cough is loud and short, and a voice detector takes it for speech."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.simulator.phone.ear import VOICE_DBFS, level_dbfs
from gateway.simulator.phone.sounds import cough
from gateway.simulator.voice_live.turn_detection import SpeechBegan, SpeechEnded, TurnDetector, TurnSettings


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_a_cough_is_a_turn_of_its_length(rate_hz: int) -> None:
    sound = cough(rate_hz)
    assert len(sound) == round(0.3 * rate_hz)
    assert level_dbfs(sound) > VOICE_DBFS + 15
    quiet = np.zeros(rate_hz, np.int16)
    began, ended = TurnDetector(TurnSettings(), rate_hz).push(np.concatenate([quiet, sound, quiet]))
    assert isinstance(began, SpeechBegan)
    assert isinstance(ended, SpeechEnded)
    assert 150 <= ended.voiced_ms <= 320


def test_two_coughs_differ_by_their_seed_alone() -> None:
    assert np.array_equal(cough(16000), cough(16000))
    assert not np.array_equal(cough(16000), cough(16000, seed=1))
