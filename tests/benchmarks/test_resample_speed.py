"""The rate changer against its neighbours in one run: only ratios decide, so a slow machine cannot fail this."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import upfirdn

from gateway.audio.convert import Decoder
from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Int16Array
from gateway.audio.resample import StreamResampler, design_taps

ROUNDS = 15
RUNS = 150

PAIRS = [(8000, 24000, 3, 1), (24000, 8000, 1, 3), (16000, 24000, 3, 2), (24000, 16000, 2, 3)]


def fastest_s(*candidates: Callable[[], object]) -> list[float]:
    """The best of several rounds for each; the candidates take turns, so that a disturbance meets them alike."""
    best = [float("inf")] * len(candidates)
    for _ in range(ROUNDS):
        for index, candidate in enumerate(candidates):
            started = time.perf_counter()
            for _ in range(RUNS):
                candidate()
            best[index] = min(best[index], (time.perf_counter() - started) / RUNS)
    return best


def noise(count: int) -> Int16Array:
    return np.random.default_rng(1).integers(-9000, 9000, count, dtype=np.int16)


def upfirdn_stream(source_hz: int, target_hz: int, up: int, down: int) -> Callable[[Int16Array], Int16Array]:
    """The same filter by scipy: history in front, the middle of the convolution, round, clip."""
    taps = design_taps(source_hz, target_hz).astype(np.float32)
    reach = -(-(len(taps) - 1) // up)
    reach += -reach % down
    history: npt.NDArray[np.float32] = np.zeros(reach, np.float32)

    def push(samples: Int16Array) -> Int16Array:
        nonlocal history
        line = np.concatenate([history, samples.astype(np.float32)])
        history = line[len(samples) :]
        output = upfirdn(taps, line, up, down)[reach * up // down :][: len(samples) * up // down]
        clipped: Int16Array = np.clip(np.rint(output), -32768, 32767).astype(np.int16)
        return clipped

    return push


@pytest.mark.parametrize(("source_hz", "target_hz", "up", "down"), PAIRS)
def test_a_frame_is_resampled_faster_than_by_scipy(source_hz: int, target_hz: int, up: int, down: int) -> None:
    ours, theirs = StreamResampler(source_hz, target_hz), upfirdn_stream(source_hz, target_hz, up, down)
    frame = noise(source_hz // 50)
    difference = ours.push(frame).astype(int) - theirs(frame)
    assert np.max(np.abs(difference)) <= 1, "not the same work"
    ours_s, theirs_s = fastest_s(lambda: ours.push(frame), lambda: theirs(frame))
    assert ours_s < 0.8 * theirs_s, f"{ours_s * 1e6:.1f} us against {theirs_s * 1e6:.1f} us"


@pytest.mark.parametrize(("source_hz", "target_hz", "up", "down"), PAIRS)
def test_a_delta_in_one_push_is_cheaper_than_in_frames(source_hz: int, target_hz: int, up: int, down: int) -> None:
    del up, down
    whole, cut = StreamResampler(source_hz, target_hz), StreamResampler(source_hz, target_hz)
    frame_samples = source_hz // 50
    delta = noise(5 * frame_samples)
    frames = [delta[start : start + frame_samples] for start in range(0, len(delta), frame_samples)]
    whole_s, cut_s = fastest_s(lambda: whole.push(delta), lambda: [cut.push(frame) for frame in frames])
    assert whole_s < 0.6 * cut_s, f"{whole_s * 1e6:.1f} us against {cut_s * 1e6:.1f} us"


@pytest.mark.parametrize(
    ("source", "target_hz"), [(PCM16_8K, 24000), (PCM16_16K, 24000), (PCM16_24K, 16000), (PCM16_24K, 8000)], ids=str
)
def test_decoding_a_frame_to_another_rate_stays_near_the_cost_of_its_json(source: AudioFormat, target_hz: int) -> None:
    decoder = Decoder(source, target_hz)
    frame = noise(source.frame_samples).tobytes()
    message = json.dumps({"kind": "AudioData", "audioData": {"data": base64.b64encode(frame).decode()}})
    ours_s, json_s = fastest_s(
        lambda: decoder.push(frame),
        lambda: base64.b64decode(json.loads(message)["audioData"]["data"]),
    )
    assert ours_s < 4 * json_s, f"{ours_s * 1e6:.1f} us against {json_s * 1e6:.1f} us"
