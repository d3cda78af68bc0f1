from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gateway.audio import g711
from gateway.audio.pcm import Int16Array
from gateway.audio.wav import write_wav
from gateway.demo.story import (
    CASCADE_NUMBER,
    BadRecording,
    Recording,
    assumed_network,
    naive_plan,
    plan_of,
    read_recordings,
)
from gateway.simulator.phone import HangUp, Say, Speech


def tone(count: int) -> Int16Array:
    wave: Int16Array = np.rint(8000 * np.sin(np.arange(count) / 10)).astype(np.int16)
    return wave


def test_recordings_of_any_rate_and_channels_are_read(tmp_path: Path) -> None:
    mono, stereo = tmp_path / "mono.wav", tmp_path / "stereo.wav"
    mono.write_bytes(write_wav(tone(44100), 44100))
    stereo.write_bytes(write_wav(np.column_stack([tone(8000), tone(8000)]), 8000))
    read = read_recordings([mono, stereo])
    assert [recording.speech.rate_hz for recording in read] == [44100, 8000]
    assert [len(recording.speech.samples) for recording in read] == [44100, 8000]


def test_telephone_recordings_are_read(tmp_path: Path) -> None:
    """WAVE format 6, which the standard library can not open."""
    payload = g711.encode_alaw(tone(8000))
    head = b"RIFF" + (36 + len(payload)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    fmt = (6).to_bytes(2, "little") + (1).to_bytes(2, "little") + (8000).to_bytes(4, "little") * 2
    fmt += (1).to_bytes(2, "little") + (8).to_bytes(2, "little")
    path = tmp_path / "phone.wav"
    path.write_bytes(head + fmt + b"data" + len(payload).to_bytes(4, "little") + payload)
    (recording,) = read_recordings([path])
    assert np.abs(recording.speech.samples.astype(int) - tone(8000)).max() < 300


@pytest.mark.parametrize("content", [b"", b"not a wave file", b"ID3 of an mp3 file"])
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.wav"
    path.write_bytes(content)
    with pytest.raises(BadRecording, match=r"other\.wav"):
        read_recordings([path])


def test_the_users_turns_replace_the_story() -> None:
    said = [Recording(Path("a.wav"), Speech(tone(8000), 8000))] * 2
    plan = plan_of("+18005550126", said)
    assert [type(action) for action in plan.behaviour] == [Say, Say, HangUp]


def test_the_network_of_the_second_naive_call_marks_silence() -> None:
    assert plan_of("+1", []).switches.silent_frames == "no_data"
    assert plan_of("+1", [], silence_marked=False).switches.silent_frames == "never"


def test_a_caller_with_long_recordings_has_the_patience_for_them() -> None:
    said = [Recording(Path("a.wav"), Speech(tone(80_000), 8000))] * 6
    assert plan_of("+18005550126", said).max_s > 60 + 6 * 5
    assert naive_plan(said, silence_marked=True).max_s == plan_of("+18005550126", said).max_s


def test_whoever_rings_the_naive_bridge_is_the_same_caller() -> None:
    ours, naive = plan_of(CASCADE_NUMBER, []), naive_plan([], silence_marked=True)
    assert naive.behaviour == ours.behaviour
    assert naive.switches == ours.switches
    assert (naive.max_s, naive.answer_patience_s) == (ours.max_s, ours.answer_patience_s)


def test_no_call_of_the_story_takes_more_than_a_minute() -> None:
    plans = [plan_of(CASCADE_NUMBER, []), naive_plan([], silence_marked=True), naive_plan([], silence_marked=False)]
    assert all(plan.max_s <= 60.0 for plan in plans)


@pytest.mark.parametrize("marked", [True, False])
def test_what_is_said_of_the_network_is_what_is_switched_on(marked: bool) -> None:
    switches = plan_of("+1", [], silence_marked=marked).switches
    said = assumed_network(silence_marked=marked)
    assert f"first {switches.start_offset_s * 1000:.0f} ms" in said
    assert ("marked" in said) is (switches.silent_frames != "never")
