"""Tokens, and the bucket they fill."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.voice_live.conversation import Conversation, Item
from gateway.simulator.voice_live.options import BYOM_CHAT, BYOM_REALTIME, PtuForm, PtuPlan, TwinOptions
from gateway.simulator.voice_live.ptu_bucket import Admission, PtuBucket, Throttled
from gateway.simulator.voice_live.script import Script, ScriptTurn
from gateway.simulator.voice_live.usage import Tokens, estimate

PLAN = PtuPlan(units=1, tpm_per_ptu=6000, output_ratio=4)
TEN_TURNS = Script(
    "long", None, tuple(ScriptTurn(f"Sentence {n} of the caller.", f"Reply {n}. " * 12) for n in range(10))
)


def test_the_recorded_first_turns_come_out_with_the_recorded_prompt_sizes() -> None:
    cascade = Conversation(realtime=False)
    cascade.add(Item("u", "message", "user", "Hello, my name is Marcelo.", audio_s=2.98, audio_tokens_per_s=10))
    assert cascade.prompt("Reply in a few words.", "").text == 17
    realtime = Conversation(realtime=True)
    realtime.add(Item("u", "message", "user", "", audio_s=3.0, audio_tokens_per_s=10))
    prompt = realtime.prompt("Reply in a few words.", "")
    assert prompt.audio == 30
    assert prompt.text == pytest.approx(14, abs=1)


def test_the_history_is_sent_again_and_its_beginning_is_cached(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(script=TEN_TURNS))
    client.open(instructions="You are patient. " * 300, modalities=["text"])
    sizes = []
    for _ in range(3):
        client.send("conversation.item.create", item=user_text("Go on."))
        client.send("response.create")
        client.advance(3.0)
        details = client.last("response.done")["response"]["usage"]["input_token_details"]
        sizes.append((details["text_tokens"], details["cached_tokens"]))
    prompts, cached = zip(*sizes, strict=True)
    assert sorted(prompts) == list(prompts)
    assert cached[0] == 0
    assert cached[1] >= 1024
    assert all(now % 128 == 0 and now <= before for now, before in zip(cached[1:], prompts, strict=False))


def test_a_changed_beginning_is_not_cached() -> None:
    conversation = Conversation(realtime=True)
    for number in range(8):
        conversation.add(Item(f"i{number}", "message", "user", "words " * 100))
    conversation.prompt("Be brief.", "")
    assert conversation.prompt("Be brief.", "").cached_text >= 1024
    first = conversation.get("i0")
    assert first is not None
    first.text = "words"
    assert conversation.prompt("Be brief.", "").cached_text == 0


def test_a_cascade_counts_only_text_against_its_units_and_realtime_everything() -> None:
    tokens = Tokens(input_text=1000, input_audio=50, cached_text=600, cached_audio=10, output_text=60, output_audio=100)
    assert tokens.normalised(PLAN, realtime=False) == 400 + 4 * 60
    assert tokens.normalised(PLAN, realtime=True) == 400 + 4 * 60 + 40 + 4 * 100
    newer = PtuPlan(units=1, tpm_per_ptu=600, output_ratio=5, cached_weight=0.1)
    assert tokens.normalised(newer, realtime=False) == pytest.approx(400 + 60 + 300)


def test_a_full_bucket_throttles_until_it_has_drained() -> None:
    bucket = PtuBucket(PLAN)
    assert isinstance(bucket.request(9000, 0.0), Admission)
    throttled = bucket.request(1, 0.0)
    assert throttled == Throttled(30_000)
    assert isinstance(bucket.request(1, 29.9), Throttled)
    assert isinstance(bucket.request(1, 30.01), Admission)
    assert (bucket.admitted, bucket.throttled) == (2, 2)


def test_an_admission_is_corrected_to_the_true_size() -> None:
    bucket = PtuBucket(PLAN)
    admission = bucket.request(3000, 0.0)
    assert isinstance(admission, Admission)
    assert bucket.utilisation(0.0) == pytest.approx(0.5)
    bucket.settle(admission, 600, 0.0)
    assert bucket.utilisation(0.0) == pytest.approx(0.1)
    assert bucket.tokens_last_minute(59.0) == 600
    assert bucket.tokens_last_minute(61.0) == 0


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 3000), st.floats(0, 3000)), max_size=60))
def test_the_bucket_never_lies_below_empty_nor_admits_above_full(steps: list[tuple[float, float, float]]) -> None:
    bucket, now = PtuBucket(PLAN), 0.0
    for wait_s, guess, true in steps:
        now += wait_s
        before = bucket.utilisation(now)
        admission = bucket.request(guess, now)
        assert isinstance(admission, Throttled) == (before > 1.0)
        if isinstance(admission, Admission):
            bucket.settle(admission, true, now)
        assert bucket.utilisation(now) >= 0.0


def test_the_estimate_follows_the_token_limit() -> None:
    prompt = Conversation(realtime=False).prompt("Be brief.", "")
    assert estimate(prompt, PLAN, 300) - estimate(prompt, PLAN, None) == 4 * (300 - PLAN.guessed_output_tokens)


@pytest.mark.parametrize("form", list(PtuForm))
def test_a_throttled_response_shows_in_the_form_asked_for(connect: Any, form: PtuForm) -> None:
    plan = PtuPlan(units=1, tpm_per_ptu=6000, output_ratio=4, form=form)
    bucket = PtuBucket(plan)
    client = connect(BYOM_CHAT, TwinOptions(ptu=plan), bucket)
    client.open()
    bucket.request(6600, client.now)
    client.send("response.create", event_id="r1")
    client.advance(3.0)
    match form:
        case PtuForm.FAILED:
            details = client.last("response.done")["response"]["status_details"]
            assert details["error"]["code"] == "rate_limit_exceeded"
        case PtuForm.ERROR:
            assert client.last("error")["error"]["event_id"] == "r1"
            assert client.all("response.created") == []
        case PtuForm.SILENCE:
            assert client.types()[-1] == "response.created"
            client.advance(10.0)
            assert client.last("response.done")["response"]["status"] == "completed"
    assert bucket.throttled >= 1


def test_a_prepared_message_takes_nothing_from_the_units(connect: Any) -> None:
    bucket = PtuBucket(PLAN)
    client = connect(BYOM_REALTIME, TwinOptions(ptu=PLAN), bucket)
    client.open()
    content = [{"type": "text", "text": "Hello."}]
    message = {"type": "message", "role": "assistant", "content": content}
    client.send("response.create", response={"pre_generated_assistant_message": message})
    client.advance(3.0)
    assert (bucket.admitted, bucket.utilisation(client.now)) == (0, 0.0)


def test_the_bucket_holds_what_the_usage_says(connect: Any) -> None:
    bucket = PtuBucket(PLAN)
    client = connect(BYOM_CHAT, TwinOptions(ptu=PLAN), bucket)
    client.open()
    client.say("caller.turn1")
    client.silence(2.0)
    usage = client.last("response.done")["response"]["usage"]
    ((_, tokens),) = bucket.consumed
    assert tokens == usage["input_token_details"]["text_tokens"] + 4 * usage["output_token_details"]["text_tokens"]


def user_text(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
