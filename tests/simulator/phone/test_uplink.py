"""Frames, stamps, silence and leak of the uplink."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.switches import PhoneSwitches
from gateway.simulator.phone.uplink import Leak, StreamFormat, Uplink, dtmf_message

T0 = 50.0
SILENCE = np.zeros(320, np.int16)


def stream(rate_hz: int = 16000, *, mixed: bool = True) -> StreamFormat:
    return StreamFormat(rate_hz, mixed=mixed, caller_raw_id="4:+18005550176", subscription_id="s-1")


def voice(count: int = 320, offset: int = 0) -> Int16Array:
    samples: Int16Array = np.rint(8000 * np.sin((np.arange(count) + offset) * 0.3)).astype(np.int16)
    return samples


def messages(count: int, *, rate_hz: int = 16000, mixed: bool = True, talk: bool = True, **switches: Any) -> list[Any]:
    uplink = Uplink(stream(rate_hz, mixed=mixed), PhoneSwitches(**switches), seed=3, wall_at=lambda at: at + 1.7e9)
    ear = np.zeros(rate_hz // 50, np.int16)
    frames = [voice(offset=n * 320) if talk else SILENCE for n in range(count)]
    return [json.loads(uplink.message(frame, ear, T0 + n * 0.02))["audioData"] for n, frame in enumerate(frames)]


def stamps(quality: str) -> list[float]:
    return [datetime.fromisoformat(body["timestamp"]).timestamp() for body in messages(200, stamps=quality)]


def test_metadata_describes_the_frames() -> None:
    body = json.loads(stream(24000).metadata())
    assert body == {
        "kind": "AudioMetadata",
        "audioMetadata": {
            "subscriptionId": "s-1",
            "encoding": "PCM",
            "sampleRate": 24000,
            "channels": 1,
            "length": 960,
        },
    }


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_every_frame_has_20_ms(rate_hz: int) -> None:
    sizes = {len(base64.b64decode(body["data"])) for body in messages(30, rate_hz=rate_hz)}
    assert sizes == {rate_hz // 50 * 2}


def test_line_noise_is_in_every_frame_of_a_silent_caller() -> None:
    for body in messages(20, talk=False):
        assert not body["silent"]
        assert any(base64.b64decode(body["data"]))


@pytest.mark.parametrize(("policy", "length"), [("zeros", 640), ("no_data", 0)])
def test_silent_frames(policy: str, length: int) -> None:
    quiet = messages(20, talk=False, silent_frames=policy)
    assert [body["silent"] for body in quiet] == [False] * 10 + [True] * 10
    assert base64.b64decode(quiet[-1]["data"]) == bytes(length)
    assert not any(body["silent"] for body in messages(20, silent_frames=policy))


def test_participant() -> None:
    assert "participantRawID" not in messages(1)[0]
    assert messages(1, mixed=False)[0]["participantRawID"] == "4:+18005550176"
    assert messages(1, participant_id="always")[0]["participantRawID"] == "4:+18005550176"
    assert "participantRawID" not in messages(1, mixed=False, participant_id="never")[0]


def test_true_stamps_are_the_grid() -> None:
    assert np.diff(stamps("true")) == pytest.approx(np.full(199, 0.02), abs=0.0011)
    assert messages(1)[0]["timestamp"].endswith("Z")


def test_other_stamps() -> None:
    assert "timestamp" not in messages(1, stamps="missing")[0]
    assert set(np.diff(stamps("coarse"))) == {0.0, 1.0}
    assert set(np.diff(stamps("frozen"))) == {0.0}
    steps = np.diff(stamps("jumping"))
    assert np.count_nonzero(np.abs(steps - 0.02) > 0.01) >= 2
    assert stamps("jumping") == stamps("jumping")


def test_leak_is_late_and_quiet() -> None:
    leak = Leak(16000, -20.0, 0.05)
    heard = [np.full(320, 10000, np.int16)] * 5
    back = np.concatenate([leak.push(frame, 320) for frame in heard])
    assert not back[:800].any()
    assert set(back[800:]) == {1000}


def test_leak_reaches_the_frames_of_a_silent_caller() -> None:
    uplink = Uplink(
        stream(24000), PhoneSwitches(leak_db=-12.0, noise_dbfs=-90.0), seed=0, wall_at=lambda at: at + 1.7e9
    )
    levels = []
    for n in range(30):
        message = json.loads(uplink.message(SILENCE, voice(480, n * 480), T0 + n * 0.02))
        frame = np.frombuffer(base64.b64decode(message["audioData"]["data"]), "<i2").astype(np.float64)
        levels.append(float(np.sqrt(np.mean(frame**2))))
    assert levels[0] < 50
    assert levels[-1] == pytest.approx(8000 / np.sqrt(2) * 10 ** (-12 / 20), rel=0.1)


def test_digit() -> None:
    assert json.loads(dtmf_message("#", None)) == {"kind": "DtmfData", "dtmfData": {"data": "#"}}
    assert json.loads(dtmf_message("3", "4:+1"))["dtmfData"] == {"data": "3", "participantRawID": "4:+1"}
