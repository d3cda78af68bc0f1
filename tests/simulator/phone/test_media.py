"""The media socket: what the gateway may send, what gets lost, and what happens when the socket breaks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from gateway.simulator.phone import At, CallPlan, CallRecord, HangUp, PhoneSwitches, Say


def call(run_bench: Any, seconds: float = 3.0, *, says: Any = (), **switches: Any) -> CallRecord:
    records: list[CallRecord] = []
    plan = CallPlan(behaviour=(*says, HangUp(at=At(seconds))), switches=PhoneSwitches(**switches))

    async def scenario(bench: Any) -> None:
        records.append(await bench.network.place_call(plan))

    run_bench(scenario)
    assert records[0].errors == ()
    return records[0]


def heard_s(record: CallRecord) -> float:
    return sum(segment.end_at - segment.start_at for segment in record.heard)


@pytest.mark.parametrize(
    "message",
    [
        {"Kind": "AudioData", "AudioData": {"Data": "", "Timestamp": "0001-01-01T00:00:00+00:00"}, "StopAudio": None},
        {"kind": "AudioData", "audioData": {"data": "", "isSilent": False}, "stopAudio": {}},
        {"kind": "AudioData", "AudioData": {"data": ""}, "StopAudio": None},
        {"Kind": "AudioData", "AudioData": {"Data": ""}},
    ],
)
def test_audio_in_every_casing(gateway: Any, run_bench: Any, bench_tone: Any, message: dict[str, Any]) -> None:
    body = next(value for key, value in message.items() if key.lower() == "audiodata")
    key = next(key for key in body if key.lower() == "data")

    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        body[key] = mini.base64_of(bench_tone(0.5))
        await ws.send_str(json.dumps(message))

    gateway.media = speak
    assert heard_s(call(run_bench)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("message", [{"Kind": "StopAudio", "AudioData": None, "StopAudio": {}}, {"kind": "StopAudio"}])
def test_stop_silences_the_ear(gateway: Any, run_bench: Any, bench_tone: Any, message: dict[str, Any]) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        await ws.send_str(mini.audio_message(bench_tone(2.0)))
        await asyncio.sleep(0.5)
        await ws.send_str(json.dumps(message))

    gateway.media = speak
    record = call(run_bench)
    (stop,) = record.stops
    assert heard_s(record) == pytest.approx(0.5, abs=0.03)
    assert stop.silence_at == pytest.approx(record.heard[0].end_at, abs=0.02)
    assert stop.silence_at is not None
    assert stop.silence_at - stop.received_at == pytest.approx(0.15, abs=0.001)
    assert stop.discarded_s == pytest.approx(1.5, abs=0.02)
    assert [piece.why for piece in record.unheard] == ["stop"]


def test_stop_with_a_lag(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        await ws.send_str(mini.audio_message(bench_tone(2.0)))
        await asyncio.sleep(0.5)
        await ws.send_str(mini.STOP)

    gateway.media = speak
    record = call(run_bench, stop_lag_s=0.3)
    assert heard_s(record) == pytest.approx(0.8, abs=0.03)


def test_what_cannot_be_played_is_counted(gateway: Any, run_bench: Any) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        for text in (
            "not json",
            "[1]",
            '{"Kind":"Transcription"}',
            '{"Kind":"AudioData","AudioData":{"Data":"%%%"}}',
            '{"Kind":"AudioData","AudioData":{"Data":"AAAA"}}',
            '{"Kind":"AudioData","AudioData":null}',
        ):
            await ws.send_str(text)
        await ws.send_bytes(b"123")

    gateway.media = speak
    received = call(run_bench).sockets[0].received
    assert received == {"invalid": 3, "unknown": 2, "AudioData": 3, "odd": 1, "binary": 1}


def test_one_way_stream_plays_nothing(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    gateway.bidirectional = False

    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        await ws.send_str(mini.audio_message(bench_tone(0.5)))

    gateway.media = speak
    record = call(run_bench)
    assert record.heard == ()
    assert record.sockets[0].received["not_asked"] == 1


def stream_from_the_start(gateway: Any, tone: Any) -> None:
    """Frames of 20 ms from the moment the socket opens, without waiting for anything."""

    async def speak(mini: Any, ws: Any) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for n in range(50):
            await asyncio.sleep(max(0.0, began + n * 0.02 - loop.time()))
            await ws.send_str(mini.audio_message(tone(0.02)))

    gateway.media = speak


def test_audio_before_the_stream_runs_is_lost(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    stream_from_the_start(gateway, bench_tone)
    record = call(run_bench, start_offset_s=0.3)
    first = record.times["first_frame"]
    lost = [piece for piece in record.unheard if piece.why == "early"]
    assert max(piece.received_at for piece in lost) < first + 0.3
    assert min(arrival.at for arrival in record.arrivals) >= first + 0.3
    assert len(lost) + len(record.arrivals) == 50
    assert len(lost) == pytest.approx(16, abs=1)


def test_first_frames_may_be_lost(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        for _ in range(10):
            await ws.send_str(mini.audio_message(bench_tone(0.02)))

    gateway.media = speak
    record = call(run_bench, early_frames_lost=4)
    assert (len(record.unheard), len(record.arrivals)) == (4, 6)


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old"])
def test_buffer_holds_what_it_holds(gateway: Any, run_bench: Any, bench_tone: Any, overflow: str) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        for _ in range(20):
            await ws.send_str(mini.audio_message(bench_tone(0.1)))

    gateway.media = speak
    record = call(run_bench, buffer_depth_s=0.5, overflow=overflow)
    assert heard_s(record) == pytest.approx(0.5, abs=0.03)
    assert sum(len(piece.samples) for piece in record.unheard) / record.unheard_hz == pytest.approx(1.5, abs=0.001)


def test_pacing_of_the_gateway_is_measured(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for n in range(50):
            late_s = 0.25 if n == 30 else 0.0
            await asyncio.sleep(max(0.0, began + (n - 5) * 0.02 + late_s - loop.time()))
            await ws.send_str(mini.audio_message(bench_tone(0.02)))

    gateway.media = speak
    record = call(run_bench)
    lateness = [round(arrival.lateness_s, 3) for arrival in record.arrivals]
    assert lateness[10] == -0.1
    assert lateness[30] == 0.15
    (gap,) = record.gaps
    assert gap.length_s == pytest.approx(0.15, abs=0.001)


def test_leak_brings_our_voice_back(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        await ws.send_str(mini.audio_message(bench_tone(0.5)))

    gateway.media = speak

    def loud_frames(**switches: Any) -> list[float]:
        gateway.frames.clear()
        call(run_bench, **switches)
        sound = gateway.sound().astype(np.float64)
        levels = np.sqrt(np.mean(sound[: len(sound) // 320 * 320].reshape(-1, 320) ** 2, axis=1))
        return [gateway.audio()[n][0] for n in np.flatnonzero(levels > 200)]

    assert loud_frames() == []
    times = loud_frames(leak_db=-20.0, leak_delay_s=0.1)
    assert len(times) * 0.02 == pytest.approx(0.5, abs=0.05)
    first_frame = gateway.audio()[0][0]
    assert times[0] - first_frame == pytest.approx(0.15 + 0.1 + 0.02, abs=0.04)


def test_pongs_can_be_withheld(gateway: Any, run_bench: Any) -> None:
    async def ping(_mini: Any, ws: Any) -> None:
        while True:
            await ws.ping()
            await asyncio.sleep(0.5)

    gateway.media = ping
    call(run_bench, pongs=False)
    assert gateway.pongs == []
    call(run_bench)
    assert len(gateway.pongs) >= 4


# --- broken sockets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["abort", "close"])
def test_broken_socket_is_dialled_again(gateway: Any, run_bench: Any, bench_tone: Any, how: str) -> None:
    async def speak(mini: Any, ws: Any) -> None:
        before = len(mini.audio())
        await mini.until_heard(before + 1)
        await ws.send_str(mini.audio_message(bench_tone(0.2)))

    gateway.media = speak
    record = call(run_bench, 4.0, media_drop_s=1.0, media_drop_how=how, media_reconnect_s=0.5)
    first, second = record.sockets
    assert (first.closed_by, first.close_code) == ("network", 1006 if how == "abort" else 1011)
    assert first.closed_at is not None
    assert second.opened_at is not None
    assert second.opened_at - first.closed_at == pytest.approx(0.5, abs=0.05)
    assert [message["kind"] for _, message in gateway.frames].count("AudioMetadata") == 2
    assert len(record.heard) == 2
    details = [
        event["data"]["mediaStreamingUpdate"]["mediaStreamingStatusDetails"]
        for event in gateway.callbacks
        if "MediaStreaming" in event["type"]
    ]
    assert details == ["subscriptionStarted", "streamConnectionReestablished"]


def test_broken_socket_that_stays_broken_is_reported(gateway: Any, run_bench: Any) -> None:
    record = call(run_bench, media_drop_s=0.5, media_reconnect_s=None)
    assert len(record.sockets) == 1
    failed = gateway.callbacks[gateway.kinds().index("MediaStreamingFailed")]["data"]
    assert failed["mediaStreamingUpdate"]["mediaStreamingStatusDetails"] == "streamConnectionInterrupted"


def test_gateway_that_refuses_the_socket_gets_8581(gateway: Any, run_bench: Any) -> None:
    gateway.media_status = 401
    record = call(run_bench)
    assert record.sockets == ()
    assert record.ending == "caller"
    failed = gateway.callbacks[gateway.kinds().index("MediaStreamingFailed")]["data"]
    assert failed["resultInformation"]["subCode"] == 8581
    assert failed["mediaStreamingUpdate"]["mediaStreamingStatusDetails"] == "initialWebSocketConnectionFailed"


def test_refused_socket_opens_when_streaming_is_started_again(gateway: Any, run_bench: Any) -> None:
    async def scenario(bench: Any) -> None:
        plan = CallPlan(behaviour=(HangUp(at=At(4.0)),), switches=PhoneSwitches(media_refused=1))
        live = await bench.network.start_call(plan)
        await asyncio.sleep(1.0)
        assert gateway.handshakes == []
        async with gateway.client() as client:
            await client.get_call_connection(gateway.connection_id).start_media_streaming()
        record = await live.wait()
        assert len(record.sockets) == 1
        assert record.sockets[0].frames_sent > 100

    run_bench(scenario)


def test_orderly_goodbye_of_the_gateway_leaves_the_call_up(gateway: Any, run_bench: Any) -> None:
    async def leave(mini: Any, ws: Any) -> None:
        await mini.until_heard(20)
        await ws.close()

    gateway.media = leave
    record = call(run_bench)
    assert len(record.sockets) == 1
    assert (record.sockets[0].closed_by, record.sockets[0].close_code) == ("gateway", 1000)
    assert record.duration_s == pytest.approx(3.0, abs=0.03)


def test_stall_of_the_gateway_is_caught_up_and_no_frame_is_missing(gateway: Any, run_bench: Any) -> None:
    record = call(run_bench, 5.0, says=(Say(gateway.speech(1.0), At(1.0)),), uplink_delay_s=0.3)
    assert record.sockets[0].frames_dropped == 0
    first_at = gateway.audio()[0][0]
    assert first_at - record.times["media_opened"] == pytest.approx(0.31, abs=0.02)
