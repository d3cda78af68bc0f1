"""Tones sent with the official client, and keys that sound in the caller's audio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from azure.communication.callautomation import CommunicationUserIdentifier, FileSource, PhoneNumberIdentifier
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from gateway.simulator.phone import At, CallPlan, CallRecord, HangUp, PhoneSwitches, Press, Say, Speech, WhileSpeaking
from gateway.simulator.phone.sounds import dtmf
from gateway.simulator.phone.voices import change_rate

CALLER = PhoneNumberIdentifier("+18005550176")


def with_call(
    gateway: Any, run_bench: Any, act: Callable[[Any], Awaitable[None]], plan: CallPlan | None = None, **switches: Any
) -> CallRecord:
    """Run `act(connection)` two seconds into an answered call; returns the call's record."""
    records: list[CallRecord] = []
    call = plan or CallPlan(behaviour=(HangUp(at=At(8.0)),), switches=PhoneSwitches(**switches))

    async def scenario(bench: Any) -> None:
        live = await bench.network.start_call(call)
        await asyncio.sleep(2.0)
        async with gateway.client() as client:
            await act(client.get_call_connection(gateway.connection_id))
        records.append(await live.wait())

    run_bench(scenario)
    assert records[0].errors == ()
    return records[0]


async def nothing(_connection: Any) -> None:
    """Let the call go on."""


@pytest.mark.parametrize("outcome", ["completed", "failed"])
def test_sent_tones_end_with_an_event(gateway: Any, run_bench: Any, outcome: str) -> None:
    async def act(connection: Any) -> None:
        await connection.send_dtmf_tones(["one", "pound", "asterisk"], CALLER, operation_context="d-1")

    record = with_call(gateway, run_bench, act, send_tones=outcome)
    (sent,) = record.sent_tones
    assert (sent.tones, sent.outcome) == (("one", "pound", "asterisk"), outcome)
    (event,) = [event for event in gateway.callbacks if "SendDtmf" in event["type"]]
    assert event["type"].endswith(f"SendDtmfTones{outcome.capitalize()}")
    assert event["data"]["operationContext"] == "d-1"


@pytest.mark.parametrize("tones", [[], ["1"], ["ONE"], ["one"] * 19])
def test_what_are_no_tones_is_refused(gateway: Any, run_bench: Any, tones: list[str]) -> None:
    async def act(connection: Any) -> None:
        with pytest.raises(HttpResponseError, match="8523"):
            await connection.send_dtmf_tones(tones, CALLER)

    assert with_call(gateway, run_bench, act).sent_tones == ()


def test_tones_are_sent_one_request_after_the_other_and_to_the_caller_alone(gateway: Any, run_bench: Any) -> None:
    async def act(connection: Any) -> None:
        with pytest.raises(ResourceNotFoundError):
            await connection.send_dtmf_tones(["one"], PhoneNumberIdentifier("+18005550199"))
        await connection.send_dtmf_tones(["one"] * 18, CALLER)
        with pytest.raises(HttpResponseError) as refused:
            await connection.send_dtmf_tones(["one"], CALLER)
        assert (refused.value.status_code, refused.value.error.code) == (412, "8583")  # type: ignore[union-attr]  # the SDK's types allow an error without its code
        with pytest.raises(HttpResponseError, match="8583"):
            await connection.start_continuous_dtmf_recognition(CALLER)
        await asyncio.sleep(5.0)
        await connection.send_dtmf_tones(["two"], CALLER)

    record = with_call(gateway, run_bench, act)
    assert [len(sent.tones) for sent in record.sent_tones] == [18, 1]


def test_a_file_for_one_participant_waits_for_the_tones_and_one_for_all_does_not(gateway: Any, run_bench: Any) -> None:
    async def act(connection: Any) -> None:
        await connection.send_dtmf_tones(["one"] * 18, CALLER)
        prompt = FileSource(url="http://127.0.0.1:9/prompt.wav")
        with pytest.raises(HttpResponseError, match="8583"):
            await connection.play_media(prompt, play_to=[CALLER])
        await connection.play_media(prompt)

    with_call(gateway, run_bench, act)
    assert gateway.kinds().count("PlayFailed") == 1


def test_a_user_of_the_service_has_no_telephone_to_hear_tones(gateway: Any, run_bench: Any) -> None:
    async def act(connection: Any) -> None:
        caller = (await connection.get_call_properties()).source
        with pytest.raises(HttpResponseError, match="8523"):
            await connection.send_dtmf_tones(["one"], caller)
        with pytest.raises(ResourceNotFoundError):
            await connection.send_dtmf_tones(["one"], CommunicationUserIdentifier("8:acs:somebody"))

    with_call(gateway, run_bench, act, caller_id="acs_user")


def keys_in(sound: Any, rate_hz: int) -> list[tuple[float, str]]:
    """The keys heard, by which of the sixteen dual tones 40 ms are most like; with the time of their beginning."""
    step, heard = rate_hz // 25, [""]
    found: list[tuple[float, str]] = []
    at = np.arange(step) / rate_hz
    hertz = {"1": (697, 1209), "2": (697, 1336), "9": (852, 1477), "#": (941, 1477)}
    for start in range(0, len(sound) - step, step // 4):
        piece = sound[start : start + step].astype(float)
        total = np.sum(piece**2) * step / 2
        power = {
            key: sum(abs(np.sum(piece * np.exp(2j * np.pi * hz * at))) ** 2 for hz in pair)
            for key, pair in hertz.items()
        }
        best = max(power, key=lambda key: power[key])
        key = best if total > 1e6 * step * step and power[best] > 0.8 * total else ""
        if key and key != heard[-1]:
            found.append((start / rate_hz, key))
        heard.append(key)
    return found


@pytest.mark.parametrize("inband", [True, False])
def test_a_key_sounds_in_the_callers_audio_where_the_network_lets_it(
    gateway: Any, run_bench: Any, *, inband: bool
) -> None:
    plan = CallPlan(
        behaviour=(Press("12#", At(1.0), every_s=0.5), HangUp(at=At(4.0))), switches=PhoneSwitches(inband_tones=inband)
    )
    record = with_call(gateway, run_bench, nothing, plan)
    messages = [message["dtmfData"]["data"] for _, message in gateway.frames if message["kind"] == "DtmfData"]
    assert messages == ["1", "2", "#"]
    at_the_mouth = keys_in(record.caller_track, record.TRACK_HZ)
    assert [key for _, key in at_the_mouth] == (["1", "2", "#"] if inband else [])
    assert [at for at, _ in at_the_mouth] == [pytest.approx(at, abs=0.05) for at in ((1.0, 1.5, 2.0) if inband else ())]
    assert [key for _, key in keys_in(gateway.sound(), 16000)] == (["1", "2", "#"] if inband else [])


def test_a_key_can_be_pressed_in_the_midst_of_a_sentence(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    voice = Speech(bench_tone(3.0, hz=440.0), 16000)
    plan = CallPlan(behaviour=(Say(voice, At(1.0)), Press("9", WhileSpeaking(1.0)), HangUp(at=At(6.0))))
    record = with_call(gateway, run_bench, nothing, plan)
    (pressed,) = [at for at, message in gateway.frames if message["kind"] == "DtmfData"]
    assert pressed - record.origin == pytest.approx(2.0, abs=0.05)
    assert record.spoken[0].end_at - record.spoken[0].onset_at == pytest.approx(3.0, abs=0.05)


def test_there_are_sixteen_keys() -> None:
    with pytest.raises(ValueError, match="no key 'x'"):
        Press("1x")
    with pytest.raises(ValueError, match="no key 'E'"):
        dtmf("E", 8000)


def test_a_key_has_the_tones_of_q_23() -> None:
    for key, low, high in (("1", 697, 1209), ("D", 941, 1633), ("6", 770, 1477)):
        sound = dtmf(key, 8000, length_s=1.0).astype(float)
        spectrum = np.abs(np.fft.rfft(sound))
        assert sorted(np.argsort(spectrum)[-2:]) == [low, high]
        assert 20 * np.log10(np.sqrt(np.mean(sound**2)) / 32768) == pytest.approx(-10.0, abs=0.1)
    assert len(change_rate(dtmf("1", 24000), 24000, 8000)) == 800
