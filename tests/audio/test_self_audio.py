"""Echo is recognised, double talk is not mistaken for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gateway.audio.level import dbfs_to_rms, rms
from gateway.audio.self_audio import SelfAudioDetector
from gateway.simulator.clips import load_clip

RATE_HZ = 16000
FRAME = 320
AGENT = ["agent.greeting", "agent.reply1", "agent.reply2", "agent.reply3", "agent.reply4"]
CALLER = ["caller.turn1", "caller.turn2", "caller.turn3", "caller.turn4"]
FloatArray = npt.NDArray[np.float64]


def levels(wave: FloatArray) -> list[float]:
    count = len(wave) // FRAME
    frames = np.clip(wave[: count * FRAME], -32768, 32767).astype(np.int16).reshape(count, FRAME)
    return [rms(piece) for piece in frames]


def talk(names: list[str], pause_s: float = 0.5) -> FloatArray:
    pause = np.zeros(round(pause_s * RATE_HZ))
    return np.concatenate([piece for name in names for piece in (load_clip(name).samples.astype(np.float64), pause)])


def run(sent: list[float], received: list[float]) -> SelfAudioDetector:
    detector = SelfAudioDetector()
    for played, heard in zip(sent, received, strict=False):
        detector.sent(played)
        detector.received(heard)
    return detector


@pytest.mark.parametrize("echo_db", [-10.0, -20.0])
@pytest.mark.parametrize("lag_s", [0.1, 0.4, 0.8])
def test_our_own_voice_coming_back_is_noticed_within_six_seconds(echo_db: float, lag_s: float) -> None:
    agent = talk(AGENT)[: 8 * RATE_HZ]
    back = np.concatenate([np.zeros(round(lag_s * RATE_HZ)), agent])[: len(agent)] * 10 ** (echo_db / 20)
    back += np.random.default_rng(1).standard_normal(len(back)) * dbfs_to_rms(-58.0)
    detector = run(levels(agent), levels(back))
    assert detector.suspected_s >= 2.0
    assert detector.lag_s == pytest.approx(lag_s, abs=0.041)


def test_two_people_talking_at_once_are_no_echo() -> None:
    """200 conversations in which the caller talks into the agent."""
    random = np.random.default_rng(2)
    agent_levels = {name: levels(talk([name])) for name in AGENT}
    caller_levels = {name: levels(talk([name], 0.3)) for name in CALLER}
    for _ in range(200):
        sent = [level for name in random.permutation(AGENT) for level in agent_levels[str(name)]]
        gain = 10 ** (random.uniform(-10, 5) / 20)
        late = [20.0] * int(random.integers(0, 150))
        said = [
            level * gain + 20.0 for name in random.permutation(CALLER + CALLER) for level in caller_levels[str(name)]
        ]
        assert run(sent, late + said).suspected_s == 0.0


def test_a_silent_line_is_no_echo() -> None:
    sent = levels(talk(AGENT))
    assert run(sent, [25.0] * len(sent)).suspected_s == 0.0


def test_a_silent_agent_has_no_echo() -> None:
    received = levels(talk(CALLER))
    assert run([0.0] * len(received), received).suspected_s == 0.0
