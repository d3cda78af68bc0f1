"""Whole calls on a line with people, keys and manners, on a cascade and on a realtime model.

Each asserts what the caller heard, what the model was told, and how the call ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from gateway.audio.pcm import Int16Array
from gateway.clips import load_clips
from gateway.simulator.clips import load_clip
from gateway.simulator.phone import (
    AfterAgent,
    At,
    CallPlan,
    HangUp,
    Interrupt,
    PhoneSwitches,
    Press,
    Say,
    WaitAgent,
    heard_at,
)
from gateway.simulator.phone.plan import Speech
from gateway.simulator.phone.sounds import cough
from gateway.simulator.voice_live.options import Faults, ResponseFault, ResponseFaultKind, TwinOptions
from gateway.simulator.voice_live.script import Cue, Script, ScriptTurn, ToolCall, story

Run = Callable[[Any], Any]

PROFILES = ("byom-azure-openai-chat-completion", "byom-azure-openai-realtime")
CASCADE = PROFILES[0]
GREETING = "Hello, you have reached Northwind Support. How can I help you?"
CALLER_1 = load_clip("caller.turn1").text
LONG_ANSWER = load_clip("agent.reply2").text
GOODBYE = load_clip("agent.reply4").text
OPERATOR = {"name": "operator", "phone_number": "+15555550199", "description": "a person"}
PEOPLE = {"destinations": [OPERATOR], "caller_id": "+15555550100"}
SIXTEEN = 16000


def clip(name: str, language: str = "en-US") -> Int16Array:
    return load_clips(language, SIXTEEN)[name]


def was_heard(result: Any, samples: Int16Array, rate_hz: int = SIXTEEN) -> list[Any]:
    return list(heard_at(result.call, samples, rate_hz))


def spoken_item(result: Any, text: str) -> Any:
    """What the model said, as it made it."""
    return next(item for item in result.session.items if item.text == text)


def heard_whole(result: Any, text: str) -> Any:
    """The one playing of a sentence of the model, heard from its first sound to its last."""
    item = spoken_item(result, text)
    matches = [match for match in was_heard(result, item.rendered, item.rate_hz) if match.whole]
    assert matches, f"{text!r} was not heard whole"
    return matches[0]


def scripted(*turns: ScriptTurn, **more: Any) -> TwinOptions:
    return TwinOptions(script=Script("line", GREETING, turns, **more))


def told(result: Any) -> list[str]:
    """Messages the model got from the gateway."""
    return [message.text for message in result.session.messages]


def longest_silence_s(result: Any) -> float:
    """Between the first sound and the end, neither side being heard."""
    call = result.call
    voices = sorted(
        [(segment.start_at, segment.end_at) for segment in call.heard]
        + [(spoken.onset_at, spoken.end_at) for spoken in call.spoken if spoken.onset_at is not None]
    )
    until, longest = voices[0][1], 0.0
    for start, end in voices[1:]:
        longest = max(longest, start - until)
        until = max(until, end)
    return longest


def ended_counted_once(result: Any, outcome: str, reason: str) -> None:
    assert result.outcome == reason
    assert result.metric("gateway_calls_total", result=outcome, reason=reason) == 1
    assert result.metric("gateway_bug_total") == 0
    assert result.metric("gateway_calls_active") == 0


CONNECT = ToolCall(
    "transfer_call",
    '{"destination":"operator","summary":"Internet has been down since this morning."}',
    says="I will connect you with a colleague.",
)


# --- handing over -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_a_transfer_that_is_accepted(run_call: Run, setup_type: Any, profile: str) -> None:
    plan = CallPlan(
        behaviour=(Say("caller.turn1"), WaitAgent(60.0)), switches=PhoneSwitches(transfer=("accepted",), transfer_s=6)
    )
    twin = scripted(ScriptTurn(CALLER_1, "never said", tools=(CONNECT,)))
    result = run_call(setup_type(profile=profile, line=PEOPLE, plan=plan, twin=twin))

    ended_counted_once(result, "completed", "transferred")
    assert result.call.ending == "transferred"
    (transfer,) = result.call.transfers
    assert (transfer.target.kind, transfer.target.id) == ("phoneNumber", "+15555550199")
    assert transfer.source_caller_id == "+15555550100"
    assert transfer.headers.sip["X-MS-Custom-Summary"] == "Internet has been down since this morning."
    assert set(transfer.headers.sip) == {"X-MS-Custom-Reference", "X-MS-Custom-Summary"}
    sentence = heard_whole(result, "I will connect you with a colleague.")
    assert sentence.end_at < transfer.at  # the last word was at the ear before anything happened to the call
    assert any(match.start_at > transfer.at for match in was_heard(result, clip("hold")))
    (output,) = result.session.tool_outputs
    assert json.loads(output.output)["status"].startswith("connecting")
    assert longest_silence_s(result) < 4.0


@pytest.mark.parametrize("profile", PROFILES)
def test_a_transfer_that_is_refused_brings_the_agent_back(run_call: Run, setup_type: Any, profile: str) -> None:
    sorry = "I am sorry, my colleague is busy. Can I help you instead?"
    plan = CallPlan(
        behaviour=(Say("caller.turn1"), Say("caller.turn4", AfterAgent(2.0)), WaitAgent(2.0), HangUp(1.0)),
        switches=PhoneSwitches(transfer=("failed",), transfer_s=6),
    )
    twin = scripted(
        ScriptTurn(CALLER_1, "never said", tools=(CONNECT,)),
        ScriptTurn(load_clip("caller.turn4").text, GOODBYE),
        cues=(Cue("not connected", sorry),),
    )
    result = run_call(setup_type(profile=profile, line=PEOPLE, plan=plan, twin=twin))

    ended_counted_once(result, "completed", "caller_hangup")
    assert [transfer.outcome for transfer in result.call.transfers] == ["failed"]
    assert any("the line is busy" in text for text in told(result))
    came_back = heard_whole(result, sorry)
    music = [match for match in was_heard(result, clip("hold")) if match.start_at > result.call.transfers[0].at]
    assert music
    assert all(match.end_at <= came_back.start_at for match in music)
    heard_whole(result, GOODBYE)
    assert longest_silence_s(result) < 4.0


@pytest.mark.parametrize("profile", PROFILES)
def test_a_transfer_that_rings_for_forty_seconds(run_call: Run, setup_type: Any, profile: str) -> None:
    """Music all the while, and what the caller says into it is not for the model."""
    plan = CallPlan(
        behaviour=(Say("caller.turn1"), Say("caller.turn2", At(30.0)), WaitAgent(60.0)),
        switches=PhoneSwitches(transfer=("accepted",), transfer_s=40),
    )
    twin = replace(scripted(ScriptTurn(CALLER_1, "never said", tools=(CONNECT,))), keeps_appended_audio=True)
    result = run_call(setup_type(profile=profile, line=PEOPLE, plan=plan, twin=twin))

    ended_counted_once(result, "completed", "transferred")
    (transfer,) = result.call.transfers
    assert transfer.outcome_at - transfer.at == pytest.approx(40.0, abs=0.5)
    assert len(result.session.turns) == 1
    assert longest_silence_s(result) < 2.0
    music = was_heard(result, clip("hold"))
    assert sum(match.end_at - match.start_at for match in music) > 30.0


@pytest.mark.parametrize("profile", PROFILES)
def test_nobody_reports_on_a_transfer(run_call: Run, setup_type: Any, profile: str) -> None:
    """After 75 s the network is asked, and the caller, who is still with us, hears the agent again."""
    sorry = "I am sorry, nobody answers there."
    switches = PhoneSwitches(transfer=("no_event",), transfer_unseen="connected", transfer_s=1)
    plan = CallPlan(behaviour=(Say("caller.turn1"), WaitAgent(2.0), HangUp(3.0, At(100.0))), switches=switches)
    twin = scripted(ScriptTurn(CALLER_1, "never said", tools=(CONNECT,)), cues=(Cue("not connected", sorry),))
    result = run_call(setup_type(profile=profile, line=PEOPLE, plan=plan, twin=twin))

    (transfer,) = result.call.transfers
    assert heard_whole(result, sorry).start_at - transfer.at == pytest.approx(76.0, abs=2.0)
    ended_counted_once(result, "completed", "caller_hangup")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_caller_who_objects_is_not_handed_over(run_call: Run, setup_type: Any, profile: str) -> None:
    plan = CallPlan(behaviour=(Say("caller.turn1"), Say("caller.turn3", Interrupt(0.5)), WaitAgent(2.0), HangUp(1.0)))
    long_goodbye = ToolCall("transfer_call", CONNECT.arguments, says=LONG_ANSWER)
    twin = scripted(
        ScriptTurn(CALLER_1, "never said", tools=(long_goodbye,)), ScriptTurn(load_clip("caller.turn3").text, GOODBYE)
    )
    result = run_call(setup_type(profile=profile, line=PEOPLE, plan=plan, twin=twin))

    assert result.call.transfers == ()
    assert any("has not been transferred" in text for text in told(result))
    heard_whole(result, GOODBYE)
    ended_counted_once(result, "completed", "caller_hangup")


# --- keys -------------------------------------------------------------------------------------------------------------

KEYS = {"0": {"do": "transfer", "to": "operator"}, "1": {"do": "tell_agent", "text": "The caller chose billing."}}
BILLING = "You are now with billing. Your last invoice is paid."


@pytest.mark.parametrize("profile", PROFILES)
def test_a_digit_of_a_menu(run_call: Run, setup_type: Any, profile: str) -> None:
    plan = CallPlan(behaviour=(Press("1"), WaitAgent(2.0), HangUp(1.0)))
    twin = scripted(ScriptTurn(CALLER_1, "never said"), cues=(Cue("chose billing", BILLING),))
    result = run_call(setup_type(profile=profile, line=PEOPLE | {"keys": KEYS}, plan=plan, twin=twin))

    assert told(result) == ["The caller chose billing."]
    heard_whole(result, BILLING)
    assert result.metric("gateway_key_presses_total", use="tell_agent") == 1
    ended_counted_once(result, "completed", "caller_hangup")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_key_stops_the_agent(run_call: Run, setup_type: Any, profile: str) -> None:
    """The service does not know of keys: the response is cancelled, and its sentence cut at what was heard."""
    plan = CallPlan(behaviour=(Say("caller.turn1"), Press("1", Interrupt(2.0)), WaitAgent(2.0), HangUp(1.0)))
    slow = TwinOptions().timing
    twin = replace(
        scripted(ScriptTurn(CALLER_1, LONG_ANSWER), cues=(Cue("chose billing", BILLING),)),
        timing=replace(slow, speedup=2.0),
    )
    result = run_call(setup_type(profile=profile, line=PEOPLE | {"keys": KEYS}, plan=plan, twin=twin))

    (stop,) = result.call.stops
    item = spoken_item(result, LONG_ANSWER)
    (cut,) = was_heard(result, item.rendered, item.rate_hz)
    assert not cut.ends_whole
    assert cut.end_at - stop.received_at < 0.3  # what was on the way to the ear, and no more
    assert [cancel.response_id for cancel in result.session.cancels] == [item.response_id]
    (truncation,) = result.session.truncations
    assert truncation.accepted
    assert truncation.audio_end_ms == pytest.approx(cut.to_s * 1000, abs=200)
    heard_whole(result, BILLING)


@pytest.mark.parametrize("profile", PROFILES)
def test_zero_calls_a_person_even_when_the_model_is_silent(run_call: Run, setup_type: Any, profile: str) -> None:
    plan = CallPlan(behaviour=(Press("0", At(8.0)), WaitAgent(30.0)))
    twin = TwinOptions(faults=Faults(silent_after_s=2.0))
    result = run_call(setup_type(profile=profile, line=PEOPLE | {"keys": KEYS}, plan=plan, twin=twin))

    assert [transfer.outcome for transfer in result.call.transfers] == ["accepted"]
    assert was_heard(result, clip("connecting"))[0].whole
    ended_counted_once(result, "completed", "transferred")


@dataclass
class Hook:
    """A service of the operator."""

    answer: dict[str, Any]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async def handle(request: web.Request) -> web.Response:
            self.asked.append(await request.json())
            return web.json_response(self.answer)

        app = web.Application()
        app.router.add_post("/hook", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        try:
            yield
        finally:
            await runner.cleanup()


@pytest.fixture
def run_with_hook(started: Any, on_virtual_time: Any, tmp_path: Path) -> Callable[[Hook, Callable[[], Any]], Any]:
    """Run a call whose line asks a service; the set-up is made when its address is known."""

    def run(hook: Hook, make: Callable[[], Any]) -> Any:
        async def main() -> Any:
            async with hook.running():
                setup = make()
                async with started(setup, tmp_path) as stack:
                    return await stack.run(setup.plan)

        return on_virtual_time(main())

    return run


PIN = "4071"
ASK_PIN = "Please type your PIN on the keypad."
VERIFIED = "Thank you, that was right. Your balance is ten euros."


@pytest.mark.parametrize("profile", PROFILES)
def test_a_pin_with_a_zero_in_it_stays_secret(
    run_with_hook: Any, setup_type: Any, profile: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The zero calls nobody, the digits reach the operator's service alone, the model hears neither keys nor voice."""
    hook = Hook({"result": "the PIN is right"})
    plan = CallPlan(
        behaviour=(Say("caller.turn1"), Press(PIN, AfterAgent(1.0)), WaitAgent(3.0), HangUp(1.0)),
        switches=PhoneSwitches(inband_tones=True),
    )
    collect = ToolCall("collect_digits", '{"count":4,"purpose":"PIN"}', says=ASK_PIN)
    twin = replace(
        scripted(ScriptTurn(CALLER_1, "never said", tools=(collect,)), cues=(Cue("PIN is right", VERIFIED),)),
        keeps_appended_audio=True,
    )

    def make() -> Any:
        digits = {"secure": True, "hook": {"url": hook.url}}
        return setup_type(profile=profile, line=PEOPLE | {"keys": KEYS, "digits": digits}, plan=plan, twin=twin)

    result = run_with_hook(hook, make)

    assert [asked["digits"] for asked in hook.asked] == [PIN]
    assert hook.asked[0]["purpose"] == "PIN"
    assert result.call.transfers == ()
    assert told(result) == ["The caller has typed the digits. The check says: the PIN is right"]
    heard_whole(result, VERIFIED)
    written = json.dumps(result.trace) + capfd.readouterr().out
    assert PIN not in written
    # Nothing of the tones is in what the model heard after the question: its loudest sound there is line noise.
    session = result.session
    appended = session.appended_samples.astype(np.float64)
    collected_at = result.notes("digits.collected")[0]["t"]
    asked_at = result.notes("tool.called")[0]["t"]
    opened_at = result.notes("media.opened")[0]["t"]
    rate_hz = session.input_rate_hz
    quiet = appended[round((asked_at - opened_at + 0.3) * rate_hz) : round((collected_at - opened_at - 0.1) * rate_hz)]
    assert np.sqrt(np.mean(quiet**2)) < 100
    assert np.abs(quiet).max() < 500
    ended_counted_once(result, "completed", "caller_hangup")


# --- silence, time, hours ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_a_caller_who_says_nothing(run_call: Run, setup_type: Any, profile: str) -> None:
    result = run_call(setup_type(profile=profile, plan=CallPlan(behaviour=(WaitAgent(100.0),))))

    ended_counted_once(result, "completed", "caller_silent")
    greeting = heard_whole(result, GREETING)
    asked = [match for match in was_heard(result, clip("still_there")) if match.whole]
    (goodbye,) = was_heard(result, clip("silent_goodbye"))
    assert goodbye.whole
    assert [round(asked[0].start_at - greeting.end_at), round(asked[1].start_at - asked[0].end_at)] == [11, 11]
    assert goodbye.end_at < result.call.times["ended"]
    assert told(result) == []
    assert [response.status for response in result.session.responses] == [
        "completed"
    ]  # the greeting; nothing was asked


@pytest.mark.parametrize("profile", PROFILES)
def test_a_caller_who_asks_for_a_moment_is_left_in_peace(run_call: Run, setup_type: Any, profile: str) -> None:
    hold = ToolCall("hold_line", '{"seconds":40}', says="Of course, take your time.")
    plan = CallPlan(behaviour=(Say("caller.turn1"), Say("caller.turn2", At(45.0)), WaitAgent(2.0), HangUp(1.0)))
    twin = scripted(
        ScriptTurn(CALLER_1, "never said", tools=(hold,)), ScriptTurn(load_clip("caller.turn2").text, LONG_ANSWER)
    )
    result = run_call(setup_type(profile=profile, plan=plan, twin=twin))

    assert "still_there" not in [note["clip"] for note in result.notes("clip.started")]
    heard_whole(result, LONG_ANSWER)
    ended_counted_once(result, "completed", "caller_hangup")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_longest_call_ends_with_a_goodbye(run_call: Run, setup_type: Any, profile: str) -> None:
    plan = CallPlan(
        behaviour=(Say("caller.turn1"), *(Say("caller.turn2", AfterAgent(3.0)) for _ in range(30)), HangUp(1.0)),
        max_s=400.0,
    )
    turns = (ScriptTurn(CALLER_1, LONG_ANSWER), ScriptTurn(load_clip("caller.turn2").text, LONG_ANSWER))
    result = run_call(
        setup_type(profile=profile, line={"max_minutes": 2.5}, plan=plan, twin=scripted(*turns, cycles=True))
    )

    ended_counted_once(result, "completed", "max_duration")
    (warned,) = was_heard(result, clip("time_nearly_up"))
    (goodbye,) = was_heard(result, clip("time_is_up"))
    assert warned.whole
    assert goodbye.whole
    answered = result.call.times["answered"]
    assert 88.0 < warned.start_at - answered < 122.0
    assert goodbye.start_at - answered == pytest.approx(150.5, abs=1.5)
    assert any("One minute is left" in text for text in told(result))
    assert goodbye.end_at < result.call.times["ended"]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("address", "ending"),
    [({"phone_number": "+15555550199"}, "transferred"), ({"acs_user": "8:acs:0000-1111_2222"}, "redirected")],
)
def test_after_hours_callers_go_to_a_person(  # noqa: PLR0913 - fixtures and parameters
    started: Any,
    on_virtual_time: Any,
    setup_type: Any,
    tmp_path: Path,
    profile: str,
    address: dict[str, str],
    ending: str,
) -> None:
    line = {
        "destinations": [{"name": "night", **address}],
        "caller_id": "+15555550100",
        "overflow": "night",
        "hours": {"timezone": "UTC", "open": {"mon": ["00:00-00:01"]}, "holidays": []},
    }
    plan = CallPlan(behaviour=(WaitAgent(60.0),), switches=PhoneSwitches(transfer_s=6))
    setup = setup_type(profile=profile, line=line, plan=plan)

    async def main() -> Any:
        async with started(setup, tmp_path) as stack:
            record = await stack.phone.place_call(plan)
            await stack.gateway.supervisor.wait_empty(30.0)
            await asyncio.sleep(1.0)  # virtual: the event's answer is on its way
            counted = stack.gateway.registry.get_sample_value(
                "gateway_calls_total",
                {"result": "completed" if ending == "transferred" else "refused", "reason": ending},
            )
            return record, len(stack.twin.sessions), counted

    record, sessions, counted = on_virtual_time(main())
    assert record.ending == ending
    assert sessions == 0  # no model was dialled
    assert counted == 1
    if ending == "transferred":
        assert record.transfers[0].target.id == "+15555550199"
        assert heard_at(record, clip("connecting"), SIXTEEN)[0].whole
    else:
        assert record.redirected_to.id == "8:acs:0000-1111_2222"


# --- language, interruptions ------------------------------------------------------------------------------------------


def test_the_gateways_own_sentences_follow_the_caller_into_another_language(run_call: Run, setup_type: Any) -> None:
    """A cascade's transcript says in which language it is."""
    plan = CallPlan(behaviour=(Say("caller.turn1"), WaitAgent(100.0)))
    twin = scripted(ScriptTurn(CALLER_1, GOODBYE, language="de-DE"))
    agent = {"other_languages": ["de-DE"]}
    result = run_call(setup_type(agent=agent, plan=plan, twin=twin))

    ended_counted_once(result, "completed", "caller_silent")
    assert was_heard(result, clip("disclosure"))[0].whole
    assert any(match.whole for match in was_heard(result, clip("still_there", "de-DE")))
    assert was_heard(result, clip("silent_goodbye", "de-DE"))[0].whole


def test_where_the_language_is_not_told_the_sentences_stay_in_the_agents(run_call: Run, setup_type: Any) -> None:
    """A realtime model answers in the caller's language by itself; its transcript does not name it."""
    plan = CallPlan(behaviour=(Say("caller.turn1"), WaitAgent(100.0)))
    twin = scripted(ScriptTurn(CALLER_1, GOODBYE, language="de-DE"))
    agent = {"other_languages": ["de-DE"]}
    result = run_call(setup_type(profile=PROFILES[1], agent=agent, plan=plan, twin=twin))

    assert was_heard(result, clip("silent_goodbye"))[0].whole
    heard_whole(result, GOODBYE)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("sound_s", "words"), [(0.3, ""), (0.5, "Uh-huh.")], ids=["cough", "uh-huh"])
def test_a_sound_that_is_no_interruption(
    run_call: Run, setup_type: Any, profile: str, sound_s: float, words: str
) -> None:
    """The answer stops at once, goes on after about 1.2 s, and every word of it is heard."""
    sound = Speech(cough(SIXTEEN, length_s=sound_s), SIXTEEN)
    plan = CallPlan(
        behaviour=(Say("caller.turn1"), Say("caller.turn2"), Say(sound, Interrupt(3.0)), WaitAgent(2.0), HangUp(1.0))
    )
    twin = TwinOptions(script=replace(story(), heard=(None, None, words)))
    result = run_call(setup_type(profile=profile, plan=plan, twin=twin))

    ended_counted_once(result, "completed", "caller_hangup")
    assert result.metric("gateway_false_interruptions_total") == 1
    assert result.metric("gateway_barge_ins_total") == 0
    item = spoken_item(result, LONG_ANSWER)
    first, second = was_heard(result, item.rendered, item.rate_hz)
    assert first.begins_whole
    assert second.ends_whole
    assert second.from_s <= first.to_s + 0.05  # nothing is missing
    assert first.to_s - second.from_s < 0.7  # at most a word is said twice
    assert second.start_at - first.end_at < 1.9
    assert result.session.truncations == []
    # Nothing else was said: an answer of the service to the sound was refused.
    assert len([segment for segment in result.call.heard if segment.start_at > second.end_at + 0.5]) == 0


@pytest.mark.parametrize("profile", PROFILES)
def test_a_short_word_that_is_one(run_call: Run, setup_type: Any, profile: str) -> None:
    """As short as a cough, but it says stop."""
    sound = Speech(cough(SIXTEEN, length_s=0.4), SIXTEEN)
    plan = CallPlan(
        behaviour=(Say("caller.turn1"), Say("caller.turn2"), Say(sound, Interrupt(3.0)), WaitAgent(2.0), HangUp(1.0))
    )
    twin = TwinOptions(script=replace(story(), heard=(None, None, "Stop."), cues=(Cue("stop", GOODBYE),)))
    result = run_call(setup_type(profile=profile, plan=plan, twin=twin))

    assert result.metric("gateway_barge_ins_total") == 1
    assert result.metric("gateway_false_interruptions_total") == 0
    (cut,) = was_heard(result, spoken_item(result, LONG_ANSWER).rendered, SIXTEEN)
    assert not cut.ends_whole
    heard_whole(result, GOODBYE)
    assert longest_silence_s(result) < 4.0


@pytest.mark.parametrize("profile", PROFILES)
def test_the_disclosure_is_heard_whatever_the_caller_says(run_call: Run, setup_type: Any, profile: str) -> None:
    """Before the greeting, not interruptible, and its moment is in the log."""
    plan = CallPlan(behaviour=(Say("caller.turn1", At(0.6)), WaitAgent(2.0), HangUp(1.0)))
    result = run_call(setup_type(profile=profile, plan=plan))

    (disclosure,) = was_heard(result, clip("disclosure"))
    assert disclosure.whole
    (noted,) = [note for note in result.notes("protected.heard") if note["item"] == "disclosure"]
    assert noted["t"] == pytest.approx(disclosure.end_at, abs=0.4)


# --- danger, words ----------------------------------------------------------------------------------------------------

HELP = "If this is an emergency, hang up now and dial one one two."
DANGER = "Please help me, I can't breathe."


@pytest.mark.parametrize("profile", PROFILES)
def test_an_emergency_is_answered_at_once_and_whole(run_call: Run, setup_type: Any, profile: str) -> None:
    plan = CallPlan(behaviour=(Say("caller.turn1"), Say("caller.turn2", Interrupt(1.0)), WaitAgent(3.0), HangUp(1.0)))
    twin = scripted(ScriptTurn(CALLER_1, LONG_ANSWER), heard=(DANGER, None), cues=(Cue("may be in danger", GOODBYE),))
    result = run_call(setup_type(profile=profile, line={"emergency": {"sentence": HELP}}, plan=plan, twin=twin))

    assert result.metric("gateway_emergencies_total") == 1
    sentence = heard_whole(result, HELP)
    asked_at = result.notes("emergency")[0]["t"]
    assert sentence.start_at - asked_at < 1.5
    assert any("may be in danger" in text for text in told(result))
    assert result.outcome == "caller_hangup"


@pytest.mark.parametrize("profile", PROFILES)
def test_an_emergency_the_model_recognises_brings_a_person(run_call: Run, setup_type: Any, profile: str) -> None:
    plan = CallPlan(behaviour=(Say("caller.turn1"), WaitAgent(30.0)))
    twin = scripted(ScriptTurn(CALLER_1, "never said", tools=(ToolCall("report_emergency", "{}"),)))
    line = PEOPLE | {"emergency": {"sentence": HELP, "transfer_to": "operator"}}
    result = run_call(setup_type(profile=profile, line=line, plan=plan, twin=twin))

    sentence = heard_whole(result, HELP)
    (transfer,) = result.call.transfers
    assert sentence.end_at < transfer.at
    ended_counted_once(result, "completed", "transferred")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", [ResponseFaultKind.CONTENT_FILTER, ResponseFaultKind.CONTENT_FILTER_FAILED])
def test_a_content_filter(run_call: Run, setup_type: Any, profile: str, kind: ResponseFaultKind) -> None:
    """What was cut off by the filter stops, a neutral phrase is said, and the conversation goes on."""
    twin = TwinOptions(faults=Faults(responses=(ResponseFault(kind, frozenset({2}), after_s=1.0),)))
    result = run_call(setup_type(profile=profile, twin=twin))

    assert was_heard(result, clip("neutral"))[0].whole
    heard_whole(result, load_clip("agent.reply4").text)
    ended_counted_once(result, "completed", "caller_hangup")
    assert longest_silence_s(result) < 4.0


@pytest.mark.parametrize("profile", PROFILES)
def test_words_that_are_not_to_be_heard(run_call: Run, setup_type: Any, profile: str) -> None:
    plan = CallPlan(behaviour=(Say("caller.turn1"), WaitAgent(2.0), HangUp(1.0)))
    bad = "Well, you can kiss my router goodbye, because I do not care at all about it."
    twin = scripted(ScriptTurn(CALLER_1, bad))
    line = {"moderation": {"words": ["router goodbye"]}}
    result = run_call(setup_type(profile=profile, line=line, plan=plan, twin=twin))

    assert result.metric("gateway_moderation_stops_total", side="agent") == 1
    item = spoken_item(result, bad)
    assert not any(match.whole for match in was_heard(result, item.rendered, item.rate_hz))
    assert was_heard(result, clip("neutral"))[0].whole


# --- the last word ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("far_end_delay_s", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("tool", ["end_call", "transfer_call"])
def test_the_last_word_is_heard_whatever_the_far_end_delay(
    run_call: Run, setup_type: Any, far_end_delay_s: float, tool: str
) -> None:
    """Measured at the ear: its last word is complete before the call is ended or handed over."""
    arguments = "{}" if tool == "end_call" else CONNECT.arguments
    plan = CallPlan(
        behaviour=(Say("caller.turn1"), WaitAgent(30.0)), switches=PhoneSwitches(far_end_delay_s=far_end_delay_s)
    )
    twin = scripted(ScriptTurn(CALLER_1, "never said", tools=(ToolCall(tool, arguments, says=GOODBYE),)))
    call = {"far_end_delay_ms": 150}  # declared, and wrong for all but one of them
    result = run_call(setup_type(line=PEOPLE, plan=plan, twin=twin, call=call))

    goodbye = heard_whole(result, GOODBYE)
    acted_at = result.call.times["ended"] if tool == "end_call" else result.call.transfers[0].at
    assert goodbye.end_at <= acted_at + 0.02
    assert result.outcome == ("agent_hangup" if tool == "end_call" else "transferred")


def test_an_agent_that_ends_the_call_without_a_word_says_goodbye(run_call: Run, setup_type: Any) -> None:
    plan = CallPlan(behaviour=(Say("caller.turn1"), WaitAgent(30.0)))
    twin = scripted(
        ScriptTurn(CALLER_1, GOODBYE, tools=(ToolCall("end_call", "{}"),)), cues=(Cue("Say goodbye", GOODBYE),)
    )
    result = run_call(setup_type(plan=plan, twin=twin))

    heard_whole(result, GOODBYE)
    ended_counted_once(result, "completed", "agent_hangup")
