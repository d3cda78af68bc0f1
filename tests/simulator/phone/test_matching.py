"""A known recording is found in a call: when, how much of it, how well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gateway.audio import g711
from gateway.audio.pcm import Int16Array
from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.phone import At, CallPlan, CallRecord, HangUp, heard_at
from gateway.simulator.phone.voices import change_rate

HZ = CallRecord.TRACK_HZ


@pytest.fixture(scope="module")
def clip() -> Int16Array:
    return speech_at(load_clip("agent.reply1"), HZ)


@pytest.fixture
def heard(run_bench: Any) -> Any:
    """A record of a call in which these sounds were at the ear, one after the other, from the answer on."""
    records: list[CallRecord] = []

    async def scenario(bench: Any) -> None:
        records.append(await bench.network.place_call(CallPlan(behaviour=(HangUp(at=At(0.5)),))))

    run_bench(scenario)
    return lambda *sounds: replace(records[0], ear_track=np.concatenate(sounds))


def silence(length_s: float) -> Int16Array:
    return np.zeros(round(length_s * HZ), np.int16)


def test_a_recording_is_found_whole_and_where_it_was(heard: Any, clip: Int16Array) -> None:
    other = speech_at(load_clip("agent.reply2"), HZ)
    record = heard(silence(1.0037), clip, silence(0.5), other, clip, silence(1.0))
    found = heard_at(record, clip, HZ)
    assert [match.whole for match in found] == [True, True]
    places = [match.start_at - record.origin - match.from_s for match in found]
    second = 1.0037 + 0.5 + (len(clip) + len(other)) / HZ
    assert places == [pytest.approx(1.0037, abs=2e-4), pytest.approx(second, abs=2e-4)]
    for match in found:
        assert match.end_at - match.start_at == pytest.approx(match.to_s - match.from_s)
        assert match.correlation > 0.99


@pytest.mark.parametrize("gain", [0.1, 1.0, 2.0])
def test_neither_gain_nor_rate_nor_a_telephone_codec_hides_it(heard: Any, clip: Int16Array, gain: float) -> None:
    narrow = change_rate(clip, HZ, 8000)
    louder = np.clip(narrow * gain, -32768, 32767).astype(np.int16)
    line = change_rate(g711.decode_ulaw(g711.encode_ulaw(louder)), 8000, HZ)
    (match,) = heard_at(heard(silence(0.7), line, silence(0.7)), change_rate(clip, HZ, 24000), 24000)
    assert match.whole
    assert match.start_at == pytest.approx(match.from_s + heard(silence(0.1)).origin + 0.7, abs=2e-3)


def test_a_recording_that_broke_off_says_where(heard: Any, clip: Int16Array) -> None:
    for rest in (silence(3.0), speech_at(load_clip("agent.reply3"), HZ)):
        record = heard(silence(1.0), clip[: 2 * HZ], rest)
        (match,) = heard_at(record, clip, HZ)
        assert (match.begins_whole, match.ends_whole, match.whole) == (True, False, False)
        assert match.to_s == pytest.approx(2.0, abs=0.06)
        assert match.end_at - record.origin == pytest.approx(3.0, abs=0.06)
        assert 0.3 < match.coverage < 0.7
    (match,) = heard_at(heard(silence(1.0), clip[2 * HZ :]), clip, HZ)
    assert (match.begins_whole, match.ends_whole) == (False, True)
    assert match.from_s == pytest.approx(2.0, abs=0.2)


def test_a_hole_makes_two_matches_and_neither_is_whole(heard: Any, clip: Int16Array) -> None:
    first, second = heard_at(heard(silence(1.0), clip[: 2 * HZ], silence(0.3), clip[2 * HZ :]), clip, HZ)
    assert (first.begins_whole, first.ends_whole) == (True, False)
    assert (second.begins_whole, second.ends_whole) == (False, True)
    assert first.end_at <= second.start_at


def test_the_last_word_is_found_by_itself(heard: Any, clip: Int16Array) -> None:
    word = load_clip("agent.reply1").words[-1]
    sound = clip[round(word.start_s * HZ) : round(word.end_s * HZ)]
    assert [match.whole for match in heard_at(heard(silence(1.0), clip, silence(1.0)), sound, HZ)] == [True]
    cut = clip[: round((word.start_s + word.end_s) / 2 * HZ)]
    assert not any(match.whole for match in heard_at(heard(silence(1.0), cut, silence(1.0)), sound, HZ))


def test_another_sentence_of_the_same_voice_is_not_it(heard: Any, clip: Int16Array) -> None:
    others = [speech_at(load_clip(f"agent.reply{number}"), HZ) for number in (2, 3, 4)]
    assert heard_at(heard(*others), clip, HZ) == []
    assert heard_at(heard(silence(0.2)), clip, HZ) == []


def test_what_can_not_be_heard_can_not_be_found(heard: Any) -> None:
    for nothing in (silence(1.0), silence(0.0)):
        with pytest.raises(ValueError, match="nothing to be heard"):
            heard_at(heard(silence(1.0)), nothing, HZ)


def test_what_a_gateway_plays_is_found_in_a_call(gateway: Any, run_bench: Any, clip: Int16Array) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        await ws.send_str(mini.audio_message(clip))

    gateway.media = speak

    async def scenario(bench: Any) -> None:
        record = await bench.network.place_call(CallPlan(behaviour=(HangUp(1.0),)))
        (match,) = heard_at(record, clip, HZ)
        assert match.whole
        assert match.start_at == pytest.approx(record.heard[0].start_at, abs=0.05)

    run_bench(scenario)
