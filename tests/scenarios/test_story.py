"""The four-turn call as the caller hears it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gateway.audio.pcm import Int16Array
from gateway.simulator.clips import load_clip
from gateway.simulator.phone import CallPlan, PhoneSwitches
from gateway.simulator.phone.record import CallRecord

Run = Callable[[Any], Any]
HZ = CallRecord.TRACK_HZ
FAR_END_DELAY_S = 0.15
WHOLE = ["agent.greeting", "agent.reply1", "agent.reply3", "agent.reply4"]


def place_of(clip: Int16Array, track: Int16Array) -> int:
    """The sample of the track at which the clip is heard, by its first second."""
    head = clip[:HZ].astype(np.float64)
    size = 1 << (len(track) + len(head)).bit_length()
    spectrum = np.fft.rfft(track.astype(np.float64), size) * np.conj(np.fft.rfft(head, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(track) - len(head)]))


@pytest.fixture(scope="module", params=["byom-azure-openai-chat-completion", "byom-azure-openai-realtime"])
def heard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One call on each profile; every test looks at another side of it."""
    scenario = request.getfixturevalue("scenario_runner")
    return scenario(request.param, tmp_path_factory.mktemp("story"))


def test_every_sentence_arrives_sample_for_sample(heard: Any) -> None:
    """Equal rates: what the model said is what was heard, so there is no click at any frame's edge either."""
    ear = heard.call.ear_track
    for name in WHOLE:
        clip = load_clip(name).samples
        start = place_of(clip, ear)
        difference = ear[start : start + len(clip)].astype(int) - clip
        assert np.abs(difference).max() <= 1, name


def test_the_interrupted_sentence_ends_where_the_stop_says(heard: Any) -> None:
    clip, ear = load_clip("agent.reply2").samples, heard.call.ear_track
    start = place_of(clip, ear)
    silence = round((heard.call.stops[0].silence_at - heard.call.origin) * HZ)
    played = ear[start:silence]
    assert np.abs(played.astype(int) - clip[: len(played)]).max() <= 1
    assert not ear[silence : silence + HZ].any()


def test_the_agent_falls_silent_in_time(heard: Any) -> None:
    (note,) = heard.notes("barge_in")
    (stop,) = heard.call.stops
    assert stop.silence_at - note["speech_started_at"] <= 0.060 + FAR_END_DELAY_S


def test_the_model_is_told_what_was_heard(heard: Any) -> None:
    clip, ear = load_clip("agent.reply2").samples, heard.call.ear_track
    start = place_of(clip, ear) / HZ
    heard_ms = (heard.call.stops[0].silence_at - heard.call.origin - start) * 1000
    (truncation,) = heard.session.truncations
    assert truncation.accepted
    assert abs(truncation.audio_end_ms - heard_ms) <= 20 + FAR_END_DELAY_S * 1000
    (note,) = heard.notes("item.truncated")
    assert note["text_heard"].startswith("Thank you.")
    assert note["text_unheard"].endswith("tell me what you see.")


def test_our_ears_find_the_callers_true_end_of_speech(heard: Any) -> None:
    ends = [note["at"] for note in heard.notes("caller.end")]
    for spoken in heard.call.spoken:
        assert min(abs(end - spoken.end_at) for end in ends) < 0.12


def test_every_answer_is_measured(heard: Any) -> None:
    latencies = [note for note in heard.notes("turn.latency") if not note["filler"]]
    assert [note["turn"] for note in latencies] == [1, 2, 3, 4]
    for note in latencies:
        received, sent = note["speech_end_to_first_audio_ms"], note["speech_end_to_first_sent_ms"]
        assert 500 < received <= sent <= received + 25
        assert sent + 100 < note["speech_end_to_first_heard_ms"] < sent + 300


def test_a_speakerphone_that_returns_our_voice_is_suspected(run_call: Run, setup_type: Any) -> None:
    plan = CallPlan(switches=PhoneSwitches(leak_db=-15.0, leak_delay_s=0.05))
    result = run_call(setup_type(plan=plan))
    assert result.outcome == "caller_hangup"
    assert result.metric("gateway_self_audio_suspected_seconds_total") > 0


def test_a_clean_line_is_not(run_call: Run, setup_type: Any) -> None:
    assert run_call(setup_type()).metric("gateway_self_audio_suspected_seconds_total") == 0
