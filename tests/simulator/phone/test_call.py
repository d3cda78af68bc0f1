"""A whole call: the order of things, both tracks, the tokens, and the ways a call begins and ends."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import numpy as np
import pytest

from gateway.simulator.phone import AfterAgent, At, CallPlan, CallRecord, HangUp, PhoneSwitches, Press, Say


def plan(*behaviour: Any, **switches: Any) -> CallPlan:
    return CallPlan(behaviour=behaviour or (HangUp(at=At(3.0)),), switches=PhoneSwitches(**switches))


def call(run_bench: Any, call_plan: CallPlan) -> CallRecord:
    records: list[CallRecord] = []

    async def scenario(bench: Any) -> None:
        records.append(await bench.network.place_call(call_plan))

    run_bench(scenario)
    assert records[0].errors == ()
    return records[0]


def greeting(length_s: float, tone: Any) -> Any:
    async def speak(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        await ws.send_str(mini.audio_message(tone(length_s)))

    return speak


def test_caller_hears_the_greeting_answers_and_hangs_up(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    gateway.media = greeting(1.0, bench_tone)
    record = call(run_bench, plan(Say(gateway.speech(0.8), AfterAgent(0.5)), HangUp(at=At(4.0))))
    assert (record.ending, record.hung_up_by, record.failure) == ("caller", "caller", None)
    order = ["event_posted", "answer_requested", "answered", "connected", "media_opened", "first_frame", "first_heard"]
    assert [name for name in record.times if name in order] == order
    (heard,) = record.heard
    (spoken,) = record.spoken
    assert heard.start_at - record.times["first_frame"] == pytest.approx(0.15, abs=0.03)
    assert spoken.onset_at - heard.end_at == pytest.approx(0.5, abs=0.03)
    assert gateway.kinds()[-1] == "CallDisconnected"


def test_tracks_are_aligned(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    gateway.media = greeting(1.0, bench_tone)
    record = call(run_bench, plan(Say(gateway.speech(0.8), At(2.5)), HangUp(at=At(4.0))))
    assert len(record.caller_track) == len(record.ear_track)
    assert len(record.ear_track) / 16000 == pytest.approx(record.duration_s + 0.15, abs=0.03)
    heard_from = np.flatnonzero(np.abs(record.ear_track.astype(np.int32)) > 1000)[0] / 16000
    assert heard_from == pytest.approx(record.heard[0].start_at - record.origin, abs=0.02)
    said_from = np.flatnonzero(record.caller_track)[0] / 16000
    assert said_from == pytest.approx(record.spoken[0].onset_at - record.origin, abs=0.01)


def test_voice_arrives_as_the_line_gives_it(gateway: Any, run_bench: Any) -> None:
    record = call(run_bench, plan(Say(gateway.speech(1.0), At(1.0)), HangUp(at=At(3.0))))
    sound = gateway.sound().astype(np.float64)
    frames = np.sqrt(np.mean(sound[: len(sound) // 320 * 320].reshape(-1, 320) ** 2, axis=1))
    voiced = np.flatnonzero(frames > 2000)
    first_at = gateway.audio()[voiced[0]][0]
    assert first_at - record.spoken[0].onset_at == pytest.approx(0.02, abs=0.021)
    assert len(voiced) == pytest.approx(50, abs=1)
    assert 0 < frames[5] < 100  # line noise: no digital silence


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_frames_come_every_20_ms_at_the_rate_of_the_leg(gateway: Any, run_bench: Any, rate_hz: int) -> None:
    gateway.audio_format = "pcm24KMono" if rate_hz == 24000 else "pcm16KMono"
    call(run_bench, plan(rate_hz=8000 if rate_hz == 8000 else None))
    kind, metadata = gateway.frames[0][1]["kind"], gateway.frames[0][1]["audioMetadata"]
    assert kind == "AudioMetadata"
    assert (metadata["sampleRate"], metadata["length"]) == (rate_hz, rate_hz // 25)
    times = [at for at, _ in gateway.audio()]
    assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 0.02), abs=1e-6)
    assert len(times) >= 140


def test_handshake_names_the_call_and_its_tokens_are_genuine(gateway: Any, run_bench: Any) -> None:
    async def scenario(bench: Any) -> None:
        record = await bench.network.place_call(plan())
        (handshake,) = gateway.handshakes
        assert handshake["x-ms-call-connection-id"] == record.connection_id
        assert handshake["x-ms-call-correlation-id"] == record.correlation_id
        async with bench.network._http.get(bench.network.keys_url) as response:
            keys = jwt.PyJWKSet.from_dict(await response.json())
        lifetimes = set()
        for headers in (handshake, *gateway.callback_headers):
            token = headers["Authorization"].removeprefix("Bearer ")
            claims = jwt.decode(
                token,
                keys[jwt.get_unverified_header(token)["kid"]],
                algorithms=["RS256"],
                audience=bench.network.audience,
                issuer=bench.network.issuer,
            )
            lifetimes.add(claims["exp"] - claims["nbf"])
        assert lifetimes == {300, 86400}

    run_bench(scenario)


# What Microsoft's live tests recorded on 2026-09-15 (api-version 2026-03-12), without the values.
ENVELOPE = {"id", "source", "type", "data", "time", "specversion", "datacontenttype", "subject"}
COMMON = {"resultInformation", "version", "callConnectionId", "serverCallId", "correlationId", "publicEventType"}


def test_callbacks_have_the_recorded_shape(gateway: Any, run_bench: Any) -> None:
    record = call(run_bench, plan())
    extra = {
        "CallConnected": {"operationContext"},
        "ParticipantsUpdated": {"participants", "sequenceNumber"},
        "MediaStreamingStarted": {"mediaStreamingUpdate", "operationContext"},
        "CallDisconnected": {"operationContext"},
    }
    assert set(gateway.kinds()) == set(extra)
    for event in gateway.callbacks:
        name = event["type"].rpartition(".")[2]
        assert set(event) == ENVELOPE
        assert set(event["data"]) == COMMON | extra[name]
        assert event["source"] == event["subject"] == f"calling/callConnections/{record.connection_id}"
        assert event["data"]["version"] == "2026-03-12"
        assert event["data"]["publicEventType"] == event["type"]
        assert event["data"]["correlationId"] == record.correlation_id
        assert event["time"].endswith("+00:00")


@pytest.mark.parametrize("participants_first", [True, False])
def test_order_of_the_first_callbacks(gateway: Any, run_bench: Any, *, participants_first: bool) -> None:
    call(run_bench, plan(participants_first=participants_first))
    names = ["CallConnected", "ParticipantsUpdated"]
    assert gateway.kinds()[:2] == (names[::-1] if participants_first else names)


@pytest.mark.parametrize("socket_first", [True, False])
def test_socket_before_or_after_the_callback(run_bench: Any, *, socket_first: bool) -> None:
    record = call(run_bench, plan(socket_first=socket_first, socket_s=0.5))
    connected = next(delivery.at for delivery in record.callbacks if delivery.kind == "CallConnected")
    assert record.times["media_opened"] - connected == pytest.approx(-0.5 if socket_first else 0.5, abs=0.01)


def test_streaming_started_may_be_late_and_disconnected_may_never_come(gateway: Any, run_bench: Any) -> None:
    record = call(run_bench, plan(streaming_started_s=2.0, disconnected_callback=False))
    started = next(delivery.at for delivery in record.callbacks if delivery.kind == "MediaStreamingStarted")
    assert started - record.times["media_opened"] == pytest.approx(2.0, abs=0.01)
    assert "CallDisconnected" not in gateway.kinds()


def test_duplicate_callbacks_have_one_id(gateway: Any, run_bench: Any) -> None:
    call(run_bench, plan(duplicate_callbacks=1))
    ids = [event["id"] for event in gateway.callbacks if event["type"].endswith("CallConnected")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_unknown_kinds_are_sprinkled_in(gateway: Any, run_bench: Any) -> None:
    call(run_bench, plan(sprinkle=True))
    assert gateway.kinds().count("RoomTemperatureUpdated") == gateway.kinds().count("CallConnected") + 3
    assert {"NetworkQuality", "AudioData"} <= {message["kind"] for _, message in gateway.frames}


def test_digits_on_the_socket(gateway: Any, run_bench: Any) -> None:
    call(run_bench, plan(Press("4#", At(1.0)), HangUp(at=At(3.0))))
    digits = [message["dtmfData"]["data"] for _, message in gateway.frames if message["kind"] == "DtmfData"]
    assert digits == ["4", "#"]


def test_no_digits_where_the_answer_asked_for_none(gateway: Any, run_bench: Any) -> None:
    gateway.dtmf = False
    call(run_bench, plan(Press("4#", At(1.0)), HangUp(at=At(3.0))))
    assert "DtmfData" not in {message["kind"] for _, message in gateway.frames}


def test_unmixed_audio_names_the_speaker(gateway: Any, run_bench: Any) -> None:
    gateway.unmixed = True
    call(run_bench, plan())
    assert gateway.audio()[0][1]["participantRawID"] == "4:+18005550176"


def test_goodbye_that_is_cut_off_is_known(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    gateway.media = greeting(5.0, bench_tone)
    record = call(run_bench, plan(HangUp(at=At(2.0))))
    (lost,) = record.unheard
    assert lost.why == "hang_up"
    assert len(lost.samples) / record.unheard_hz == pytest.approx(
        5.0 - (2.0 - record.times["first_frame"] + record.origin), abs=0.03
    )


def test_caller_who_is_never_spoken_to_gives_up(gateway: Any, run_bench: Any) -> None:
    record = call(run_bench, CallPlan(behaviour=(Say(gateway.speech(0.5)),), max_s=5.0))
    assert record.gave_up
    assert record.failure == "the caller never heard the agent"
    assert record.duration_s == pytest.approx(5.0, abs=0.05)


def test_live_view_and_hanging_up_by_hand(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    gateway.media = greeting(2.0, bench_tone)

    async def scenario(bench: Any) -> None:
        live = await bench.network.start_call(plan(HangUp(at=At(60.0))))
        await asyncio.sleep(1.0)
        assert live.call.state == "connected"
        assert live.call.ear.voiced
        assert live.call.talk.caller.spoken == []
        assert not live.done
        live.hang_up()
        record = await live.wait()
        assert record.hung_up_by == "caller"
        assert record.duration_s == pytest.approx(1.0, abs=0.05)

    run_bench(scenario)


def test_calls_at_the_same_time_keep_apart(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    gateway.media = greeting(0.5, bench_tone)

    async def scenario(bench: Any) -> None:
        live = [await bench.network.start_call(plan()) for _ in range(5)]
        records = [await one.wait() for one in live]
        assert len({record.connection_id for record in records}) == 5
        assert all(len(record.heard) == 1 and len(record.sockets) == 1 for record in records)
        await asyncio.sleep(0.1)
        assert bench.network.live == {}

    run_bench(scenario)


def test_network_that_stops_leaves_nothing_behind(run_bench: Any) -> None:
    async def scenario(bench: Any) -> None:
        await bench.network.start_call(plan(HangUp(at=At(60.0)), answer_faults=("hang",)))
        await bench.network.start_call(plan(HangUp(at=At(60.0))))
        await asyncio.sleep(2.0)

    run_bench(scenario)
