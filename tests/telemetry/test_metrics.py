"""Metrics are few, closed and cheap; what is counted in plain integers arrives in them unchanged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from gateway.audio.pcm import Direction
from gateway.outcome import Outcome, Reason
from gateway.session import events
from gateway.telemetry import labels
from gateway.telemetry.counts import COUNT_NAMES, CallCounts
from gateway.telemetry.docs import page
from gateway.telemetry.labels import ReplyMoment, ReplySource, model_event_type
from gateway.telemetry.metrics import GatewayMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> GatewayMetrics:
    return GatewayMetrics(registry, ["ptu", "payg"])


def value(registry: CollectorRegistry, name: str, **label_values: str) -> float:
    found = registry.get_sample_value(name, label_values)
    assert found is not None, f"no series {name} {label_values}"
    return found


# --- rules ------------------------------------------------------------------------------------------------------------


def test_the_page_matches_the_code() -> None:
    written = Path(__file__).parents[2] / "docs" / "METRICS.md"

    assert written.read_text(encoding="utf-8") == page(), "run: make metrics-doc"


@pytest.mark.usefixtures("metrics")
def test_every_name_has_the_prefix_and_every_counter_its_suffix(registry: CollectorRegistry) -> None:
    for family in registry.collect():
        assert family.name.startswith("gateway_")
        assert family.documentation.endswith(".")
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)


@pytest.mark.usefixtures("metrics")
def test_there_are_few_histograms_with_few_buckets(registry: CollectorRegistry) -> None:
    """A scrape renders all of them on the event loop."""
    samples = [sample for family in registry.collect() if family.type == "histogram" for sample in family.samples]
    children = {(sample.name, *sorted(sample.labels.items())) for sample in samples if sample.name.endswith("_count")}
    buckets: dict[tuple[object, ...], int] = {}
    for sample in samples:
        if "le" in sample.labels:
            key = (sample.name, *sorted(item for item in sample.labels.items() if item[0] != "le"))
            buckets[key] = buckets.get(key, 0) + 1

    assert 10 < len(children) <= 50
    assert max(buckets.values()) <= 13  # twelve and +Inf


@pytest.mark.usefixtures("metrics")
def test_a_process_has_less_than_two_thousand_series(registry: CollectorRegistry) -> None:
    lines = [line for line in generate_latest(registry).splitlines() if not line.startswith(b"#")]

    assert len(lines) < 2000


@pytest.mark.usefixtures("metrics")
def test_every_series_is_there_from_the_start_and_zero(registry: CollectorRegistry) -> None:
    for reason in Reason:
        ending = Outcome(reason)
        assert value(registry, "gateway_calls_total", result=ending.result, reason=reason) == 0
    assert value(registry, "gateway_voice_live_dials_total", deployment="payg", result="timeout") == 0
    assert value(registry, "gateway_reply_latency_seconds_count", moment="heard", source="filler") == 0
    assert value(registry, "gateway_added_delay_seconds_count", direction="uplink") == 0


@pytest.mark.usefixtures("metrics")
def test_no_series_says_when_it_was_made(registry: CollectorRegistry) -> None:
    assert b"_created" not in generate_latest(registry)


def test_two_processes_in_one_do_not_meet() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    GatewayMetrics(first, ["a"]).bugs.inc()
    GatewayMetrics(second, ["a"])

    assert value(first, "gateway_bug_total") == 1
    assert value(second, "gateway_bug_total") == 0


def test_help_names_no_unexplained_reference() -> None:
    assert not re.search(r"section|\bissue\b|\.md\)?:", page().replace("METRICS.md", ""))


# --- closed labels ----------------------------------------------------------------------------------------------------


def test_every_ending_has_its_series(metrics: GatewayMetrics, registry: CollectorRegistry) -> None:
    for reason in Reason:
        metrics.call_ended(Outcome(reason))

    counted = [sample for family in registry.collect() if family.name == "gateway_calls" for sample in family.samples]
    assert {sample.labels["reason"]: sample.value for sample in counted} == dict.fromkeys(map(str, Reason), 1)


def test_a_value_of_a_peer_that_nobody_listed_counts_as_other(
    metrics: GatewayMetrics, registry: CollectorRegistry
) -> None:
    metrics.model_events.inc("response.invented.delta", amount=3)
    metrics.bad_messages.inc("model", "some_new_kind")

    assert value(registry, "gateway_voice_live_events_total", type="unknown") == 3
    assert value(registry, "gateway_bad_messages_total", leg="model", kind="other") == 1


def test_a_value_of_our_own_that_nobody_listed_is_an_error(metrics: GatewayMetrics) -> None:
    with pytest.raises(KeyError):
        metrics.bad_messages.inc("third_leg", "json")
    with pytest.raises(KeyError):
        metrics.dials.inc("no such deployment", "ready")
    with pytest.raises(KeyError):
        metrics.reply_latency.observe("someday", "model", amount=1)


@settings(deadline=None)  # a new registry each time, on a machine that others use
@given(kind=st.text(max_size=30))
def test_no_text_of_a_peer_becomes_a_series(kind: str) -> None:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry, ["a"])
    before = generate_latest(registry).count(b"\n")
    metrics.model_events.inc(kind)
    metrics.callbacks.inc(kind)
    metrics.model_errors.inc(kind)

    assert generate_latest(registry).count(b"\n") == before


@pytest.mark.parametrize("enum", [ReplyMoment, ReplySource])
def test_enums_are_their_label_values(enum: type[ReplyMoment | ReplySource]) -> None:
    assert all(str(member) == member.value for member in enum)


def test_latencies_are_told_apart_by_moment_and_source(metrics: GatewayMetrics, registry: CollectorRegistry) -> None:
    metrics.reply_latency.observe(ReplyMoment.HEARD, ReplySource.MODEL, amount=0.8)
    metrics.reply_latency.observe(ReplyMoment.HEARD, ReplySource.FILLER, amount=2.6)

    assert value(registry, "gateway_reply_latency_seconds_sum", moment="heard", source="model") == 0.8
    assert value(registry, "gateway_reply_latency_seconds_sum", moment="heard", source="filler") == 2.6


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (events.AudioDelta("r", "i", b""), "response.audio.delta"),
        (events.SpeechStarted("i", 0), "input_audio_buffer.speech_started"),
        (events.ResponseDone("r", "completed"), "response.done"),
        (events.ModelOther("rate_limits.updated"), "rate_limits.updated"),
        (events.ModelOther("unknown"), "unknown"),
        (object(), "unknown"),
    ],
)
def test_events_are_counted_under_the_name_they_have_on_the_wire(event: object, expected: str) -> None:
    assert model_event_type(event) == expected
    assert expected in labels.MODEL_EVENTS


# --- folding ----------------------------------------------------------------------------------------------------------


def test_what_a_call_counts_reaches_a_metric_each(metrics: GatewayMetrics, registry: CollectorRegistry) -> None:
    for name in COUNT_NAMES:
        before = generate_latest(registry)
        metrics.new_folder().fold(CallCounts(**{name: 20}))
        changed = set(generate_latest(registry).splitlines()) - set(before.splitlines())
        assert len(changed) == 1, name


def test_milliseconds_become_seconds(metrics: GatewayMetrics, registry: CollectorRegistry) -> None:
    metrics.new_folder().fold(CallCounts(downlink_barge_in_ms=1500, underruns=2))

    assert value(registry, "gateway_audio_dropped_seconds_total", direction="downlink", cause="barge_in") == 1.5
    assert value(registry, "gateway_playout_underruns_total") == 2


def test_folding_twice_adds_only_what_is_new(metrics: GatewayMetrics, registry: CollectorRegistry) -> None:
    first, second = metrics.new_folder(), metrics.new_folder()
    counts = CallCounts(uplink_ms=1000)
    first.fold(counts)
    first.fold(counts)
    counts.uplink_ms = 3000
    first.fold(counts)
    second.fold(CallCounts(uplink_ms=500))

    assert value(registry, "gateway_audio_seconds_total", direction="uplink") == 3.5


@given(totals=st.lists(st.integers(0, 10_000), max_size=20).map(sorted))
def test_however_often_a_call_is_folded_the_total_is_its_last_count(totals: list[int]) -> None:
    registry = CollectorRegistry()
    folder = GatewayMetrics(registry, ["a"]).new_folder()
    for total in totals:
        folder.fold(CallCounts(underruns=total))

    assert value(registry, "gateway_playout_underruns_total") == (totals[-1] if totals else 0)


def test_delays_are_folded_in_bulk(metrics: GatewayMetrics, registry: CollectorRegistry) -> None:
    delays = [0.0004, 0.0005, 0.0006, 0.2, 5.0]
    metrics.added_delay.fold(Direction.UPLINK, delays)
    metrics.added_delay.fold(Direction.UPLINK, delays)  # it was emptied, so this adds nothing

    def bucket(le: str) -> float:
        return value(registry, "gateway_added_delay_seconds_bucket", direction="uplink", le=le)

    assert (bucket("0.0005"), bucket("0.001"), bucket("0.5"), bucket("+Inf")) == (2, 3, 4, 5)
    assert value(registry, "gateway_added_delay_seconds_count", direction="uplink") == 5
    assert value(registry, "gateway_added_delay_seconds_sum", direction="uplink") == pytest.approx(5.2015)
    assert value(registry, "gateway_added_delay_seconds_count", direction="downlink") == 0


def test_names_do_not_clash_unseen(metrics: GatewayMetrics, registry: CollectorRegistry) -> None:
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(metrics.added_delay)
