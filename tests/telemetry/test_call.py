"""What one call tells, and what of it moves a metric or reaches the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from gateway.audio.pcm import PCM16_16K, Direction, Int16Array
from gateway.capacity.ledger import Charge
from gateway.config import GatewayConfig, parse
from gateway.outcome import Outcome, Reason
from gateway.session.effects import Fields, Note
from gateway.session.events import AudioDelta, ModelOther, Usage
from gateway.session.session import CallSession
from gateway.session.settings import CallSettings, Phrase
from gateway.telemetry.call import LOGGED, CallTelemetry
from gateway.telemetry.observer import Telemetry

CANARY = "my card is 4111 1111 1111 1111, +18005550176"


def configuration(folder: Path, **server: Any) -> GatewayConfig:
    topic = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Communication/communicationServices/a"
    endpoint = "https://a.communication.azure.com"
    agent = {
        "name": "support",
        "instructions": "Help.",
        "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
        "deployments": ["main"],
    }
    deployment = {"name": "main", "resource": "f", "profile": "byom-azure-openai-chat-completion", "model": "m"}
    return parse(
        {
            "version": 1,
            "server": {"public_url": "https://voice.example.com"} | server,
            "event_grid": {"entra": {"tenant_id": "22222222-2222-4222-8222-222222222222", "audience": "api://g"}},
            "acs": {"resources": [{"name": "a", "topic": topic, "endpoint": endpoint, "audience": "guid"}]},
            "resources": [{"name": "f", "endpoint": "https://f.services.ai.azure.com"}],
            "deployments": [deployment | {"capacity": {"ptu_units": 50, "ptu_model": "gpt-4.1"}}],
            "agents": [agent],
            "lines": [{"name": "main", "numbers": "*", "agent": "support"}],
        },
        folder,
    )


def phrases(rate_hz: int, _language: str) -> dict[Phrase, Int16Array]:
    return {phrase: np.zeros(rate_hz, np.int16) for phrase in Phrase}


class Bench:
    """A call's telemetry at invented times."""

    def __init__(self, config: GatewayConfig) -> None:
        self.registry = CollectorRegistry()
        self.telemetry = Telemetry(self.registry, config, lambda: 0.0)
        self.call: CallTelemetry = self.telemetry.call("call-1", config.deployment("main"))
        self.session = CallSession(
            CallSettings(phone_format=PCM16_16K, model_input=PCM16_16K, model_output=PCM16_16K, phrases=phrases)
        )

    def note(self, name: str, now: float = 0.0, **fields: Any) -> None:
        self.call.note(Note(name, fields), now)

    def end(self, now: float = 0.0) -> None:
        self.call.ended(Outcome(Reason.CALLER_HANGUP), self.session, now)

    def value(self, name: str, **labels: str) -> float:
        found = self.registry.get_sample_value(name, labels)
        assert found is not None, f"no metric {name}{labels}"
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(configuration(tmp_path))


@pytest.mark.parametrize(
    ("name", "fields", "metric", "labels"),
    [
        ("greeting.prepared", {"way": "response"}, "gateway_greetings_total", {"way": "response"}),
        ("clip.started", {"clip": "filler"}, "gateway_clips_played_total", {"clip": "filler"}),
        ("watchdog.filler", {}, "gateway_watchdog_actions_total", {"action": "filler"}),
        ("watchdog.ask_again", {}, "gateway_watchdog_actions_total", {"action": "ask_again"}),
        ("watchdog.give_up", {}, "gateway_watchdog_actions_total", {"action": "give_up"}),
        ("response.done", {"status": "failed"}, "gateway_responses_total", {"status": "failed"}),
        ("response.done", {"status": CANARY}, "gateway_responses_total", {"status": "other"}),
        ("model.error", {"code": "session_expired"}, "gateway_voice_live_errors_total", {"code": "session_expired"}),
        ("model.error", {"code": CANARY}, "gateway_voice_live_errors_total", {"code": "other"}),
        ("session.difference", {"path": "voice.name"}, "gateway_session_differences_total", {"setting": "voice"}),
        ("interruption.false", {"held_ms": 900}, "gateway_false_interruptions_total", {}),
        (
            "tool.called",
            {"tool": "end_call", "result": "done"},
            "gateway_tool_calls_total",
            {"tool": "end_call"} | {"result": "done"},
        ),
        (
            "tool.called",
            {"tool": CANARY, "result": "refused"},
            "gateway_tool_calls_total",
            {"tool": "unknown"} | {"result": "refused"},
        ),
        ("transfer.asked", {"destination": CANARY}, "gateway_transfers_total", {"result": "asked"}),
        ("transfer.failed", {"why": "busy"}, "gateway_transfers_total", {"result": "failed"}),
        ("key.pressed", {"use": "collected"}, "gateway_key_presses_total", {"use": "collected"}),
        (
            "hook.failed",
            {"hook": "digits", "kind": CANARY},
            "gateway_hook_failures_total",
            {"hook": "digits"} | {"kind": "other"},
        ),
        ("moderation.stopped", {"side": "caller"}, "gateway_moderation_stops_total", {"side": "caller"}),
        ("emergency", {}, "gateway_emergencies_total", {}),
        ("machine", {"tone": "fax"}, "gateway_machines_total", {"tone": "fax"}),
        ("barge_in", {"speech_started_at": None, "stopped_at": None}, "gateway_barge_ins_total", {}),
    ],
)
def test_a_note_moves_its_metric_by_one(
    bench: Bench, name: str, fields: Fields, metric: str, labels: dict[str, str]
) -> None:
    bench.call.note(Note(name, fields), 0.0)

    assert bench.value(metric, **labels) == 1
    assert CANARY not in generate_latest(bench.registry).decode()


def test_the_steps_of_the_set_up_are_counted_once_each(bench: Bench) -> None:
    bench.note("call.answered", 10.0)
    bench.note("media.opened", 10.5, rate_hz=16000)
    bench.note("item.first_sent", 11.5, item_id="i")
    bench.note("media.opened", 70.0, rate_hz=16000)  # a socket that came back
    bench.note("item.first_sent", 80.0, item_id="j")

    for stage, seconds in (("answered_to_media", 0.5), ("answered_to_greeting", 1.5)):
        assert bench.value("gateway_call_setup_seconds_count", stage=stage) == 1
        assert bench.value("gateway_call_setup_seconds_sum", stage=stage) == pytest.approx(seconds)


def test_media_before_the_answer_is_no_time(bench: Bench) -> None:
    bench.note("media.opened", 10.0, rate_hz=16000)
    bench.note("call.answered", 10.5)

    assert bench.value("gateway_call_setup_seconds_count", stage="answered_to_media") == 0


def test_reply_latency_is_counted_by_moment_and_source(bench: Bench) -> None:
    times = {"speech_end_to_first_audio_ms": 900, "speech_end_to_first_sent_ms": 1000.5}
    bench.note("turn.latency", turn=1, filler=False, speech_end_to_first_heard_ms=None, **times)
    bench.note("turn.latency", turn=2, filler=True, speech_end_to_first_heard_ms=-3, **times)

    def total(moment: str, source: str) -> tuple[float, float]:
        name = "gateway_reply_latency_seconds"
        count = bench.value(f"{name}_count", moment=moment, source=source)
        return count, bench.value(f"{name}_sum", moment=moment, source=source)

    assert total("received", "model") == pytest.approx((1, 0.9))
    assert total("sent", "filler") == pytest.approx((1, 1.0005))
    assert total("heard", "model") == (0, 0.0)
    assert total("heard", "filler") == (1, 0.0), "never less than nothing"


def test_a_barge_in_is_timed_from_the_ear_and_from_the_event(bench: Bench) -> None:
    bench.note("caller.onset", 20.0, at=19.8)
    bench.note("barge_in", 20.25, speech_started_at=20.2, stopped_at=20.25)

    name = "gateway_barge_in_stop_seconds_sum"
    assert bench.value(name, since="caller_onset") == pytest.approx(0.45)
    assert bench.value(name, since="speech_started") == pytest.approx(0.05)


def test_an_answer_that_was_held_first_is_timed_to_the_moment_it_fell_silent(bench: Bench) -> None:
    bench.note("caller.onset", 20.0, at=19.8)
    bench.note("interruption.held", 20.1, item_id="i")
    bench.note("caller.onset", 20.6, at=20.5)  # a second sound, before it is known what the first one was
    bench.note("barge_in", 21.0, speech_started_at=20.1, stopped_at=20.1)

    name = "gateway_barge_in_stop_seconds_sum"
    assert bench.value(name, since="caller_onset") == pytest.approx(0.3)
    assert bench.value(name, since="speech_started") == 0.0


def test_what_the_legs_saw_is_counted(bench: Bench) -> None:
    bench.call.model_event(AudioDelta("r", "i", b""))
    bench.call.model_event(ModelOther("rate_limits.updated"))
    bench.call.model_event(ModelOther(CANARY))
    bench.call.bad_message("model", "bounds")
    bench.call.bad_message("phone", CANARY)

    for kind in ("response.audio.delta", "rate_limits.updated", "unknown"):
        assert bench.value("gateway_voice_live_events_total", type=kind) == 1
    assert bench.value("gateway_bad_messages_total", leg="model", kind="bounds") == 1
    assert bench.value("gateway_bad_messages_total", leg="phone", kind="other") == 1


def test_delays_and_dropped_frames_arrive_with_the_next_fold(bench: Bench) -> None:
    bench.call.delay_meter(Direction.UPLINK)(0.0004)
    bench.call.frame_dropped()
    name = "gateway_added_delay_seconds_count"
    assert bench.value(name, direction="uplink") == 0

    for now in (1.0, 2.0):
        bench.call.fold(bench.session, now)

    assert bench.value(name, direction="uplink") == 1
    dropped = bench.value("gateway_audio_dropped_seconds_total", direction="downlink", cause="overflow")
    assert dropped == pytest.approx(0.02)


def test_usage_is_charged(bench: Bench) -> None:
    bench.call.usage(Usage(input_text=100), Charge(100.0, 0.1), 1.0)
    bench.call.usage(None, Charge(90.0, 0.1, estimated=True), 1.0)
    bench.call.usage(Usage(input_text=5), None, 1.0)

    for source, tokens in (("reported", 100), ("estimated", 90)):
        assert bench.value("gateway_normalised_tokens_total", deployment="main", source=source) == tokens
    assert bench.value("gateway_tokens_total", deployment="main", kind="input_text") == 105
    assert bench.value("gateway_usage_missing_total", deployment="main") == 1


def test_an_ended_call_is_counted_once_with_its_duration(bench: Bench) -> None:
    bench.note("call.answered", 10.0)
    assert bench.value("gateway_calls_active") == 1
    with capture_logs() as lines:
        bench.end(70.0)

    assert bench.value("gateway_calls_active") == 0
    assert bench.value("gateway_calls_total", result="completed", reason="caller_hangup") == 1
    assert bench.value("gateway_call_duration_seconds_sum") == pytest.approx(60.0)
    assert lines == [
        {
            "event": "call.ended",
            "log_level": "info",
            "result": "completed",
            "reason": "caller_hangup",
            "duration_s": 60.0,
        }
    ]


def test_a_call_that_was_never_answered_has_no_duration(bench: Bench) -> None:
    bench.end(70.0)

    assert bench.value("gateway_call_duration_seconds_count") == 0
    assert bench.value("gateway_calls_total", result="completed", reason="caller_hangup") == 1


def test_notes_with_words_reach_the_trace_that_was_asked_for_and_never_the_log(tmp_path: Path) -> None:
    bench = Bench(configuration(tmp_path, trace={"directory": "traces", "include_transcripts": True}))
    with capture_logs() as lines:
        for name in ("turn.transcript", "item.transcript", "item.played", "item.truncated"):
            bench.note(name, 1.0, item_id="i", text=CANARY, text_heard=CANARY, text_unheard=CANARY)
        bench.end(2.0)

    assert [line["event"] for line in lines] == ["call.ended"]
    assert CANARY not in str(lines)
    (trace,) = (tmp_path / "traces").iterdir()
    assert trace.read_text(encoding="utf-8").count(CANARY) == 12


def test_what_is_logged_has_no_words() -> None:
    assert not {name for name in LOGGED if name.startswith(("turn.", "item.", "caller.", "response."))}


def latency(heard_ms: float, *, filler: bool = False) -> dict[str, Any]:
    names = ("speech_end_to_first_audio_ms", "speech_end_to_first_sent_ms", "speech_end_to_first_heard_ms")
    return {"turn": 1, "filler": filler, **dict.fromkeys(names, heard_ms)}


def test_a_long_silence_is_one_that_no_filler_ended(bench: Bench) -> None:
    bench.note("turn.latency", **latency(3999.0))
    bench.note("turn.latency", **latency(4001.0))
    bench.note("turn.latency", **latency(2500.0, filler=True))
    bench.note("turn.latency", **latency(7000.0))  # of the same turn: the filler was heard before
    bench.note("turn.latency", **latency(900.0))
    assert bench.value("gateway_turns_total", silence="short") == 3
    assert bench.value("gateway_turns_total", silence="long") == 1


@pytest.mark.parametrize(("heard", "lasts_s", "suspected"), [(False, 25.0, 1), (True, 25.0, 0), (False, 19.0, 0)])
def test_a_caller_who_is_never_heard_is_suspicious(
    bench: Bench, *, heard: bool, lasts_s: float, suspected: int
) -> None:
    bench.note("call.answered", 100.0)
    if heard:
        bench.note("caller.onset", 105.0, at=105.0)
    bench.end(100.0 + lasts_s)
    assert bench.value("gateway_one_way_audio_suspected_total") == suspected
