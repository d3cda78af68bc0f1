"""Taking back what was not heard."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.simulator.voice_live.options import BYOM_CHAT, Faults, Timing, TwinOptions
from gateway.simulator.voice_live.script import story

REPLY = story().turns[0].reply


def answered(connect: Any, options: TwinOptions | None = None, **session: Any) -> Any:
    client = connect(BYOM_CHAT, options)
    client.open(**session)
    client.say("caller.turn1")
    client.silence(1.5)
    return client


def truncate(client: Any, end_ms: int, **more: Any) -> None:
    fields = {"item_id": client.record.items[-1].item_id, "content_index": 0, "audio_end_ms": end_ms} | more
    client.send("conversation.item.truncate", event_id="cut", **fields)


def test_a_truncated_item_keeps_the_words_that_were_heard(connect: Any) -> None:
    client = answered(connect)
    truncate(client, 1200)
    event = client.last("conversation.item.truncated")
    assert (event["audio_end_ms"], event["content_index"]) == (1200, 0)
    client.send("conversation.item.retrieve", item_id=client.record.items[-1].item_id)
    heard = client.last("conversation.item.retrieved")["item"]["content"][0]["transcript"]
    assert REPLY.startswith(heard)
    assert 1 <= len(heard.split()) < len(REPLY.split())
    assert client.record.truncations[0].accepted


def test_the_next_prompt_is_shorter_after_a_truncation(connect: Any) -> None:
    def second_prompt(end_ms: int | None) -> int:
        client = answered(connect)
        if end_ms is not None:
            truncate(client, end_ms)
        client.say("caller.turn2")
        client.silence(2.0)
        tokens: int = client.last("response.done")["response"]["usage"]["input_token_details"]["text_tokens"]
        return tokens

    assert second_prompt(500) < second_prompt(None)


def test_more_than_was_delivered_is_an_error(connect: Any) -> None:
    client = answered(connect)
    length_ms = client.record.items[-1].delivered_ms
    truncate(client, int(length_ms) + 30)
    error = client.last("error")["error"]
    assert (error["code"], error["event_id"], error["param"]) == ("invalid_value", "cut", "audio_end_ms")
    assert not client.record.truncations[0].accepted
    truncate(client, int(length_ms))
    assert client.all("conversation.item.truncated")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"item_id": "item_nobody"}, "item_id"),
        ({"content_index": 1}, "content_index"),
        ({"audio_end_ms": -1}, "audio_end_ms"),
        ({"audio_end_ms": "soon"}, "audio_end_ms"),
    ],
)
def test_what_can_not_be_truncated_is_an_error(connect: Any, change: dict[str, Any], param: str) -> None:
    client = answered(connect)
    truncate(client, 100, **change)
    assert client.last("error")["error"]["param"] == param


def test_a_callers_item_can_not_be_truncated(connect: Any) -> None:
    client = answered(connect)
    truncate(client, 100, item_id=client.record.turns[0].item_id)
    assert client.last("error")["error"]["param"] == "item_id"


def test_auto_truncate_cuts_where_real_time_playing_would_be(connect: Any) -> None:
    client = answered(connect, turn_detection={"type": "azure_semantic_vad", "auto_truncate": True})
    item = client.record.items[-1]
    client.say("caller.turn2")
    assert item.first_sent_at is not None
    started = client.record.turns[-1].started_at
    event = client.last("conversation.item.truncated")
    assert event["audio_end_ms"] == pytest.approx((started - item.first_sent_at) * 1000, abs=1)
    truncate(client, 10, item_id=item.item_id)
    assert client.last("error")["error"]["code"] == "item_already_truncated"


def test_auto_truncate_leaves_an_answer_that_was_played_to_its_end(connect: Any) -> None:
    client = answered(connect, turn_detection={"type": "azure_semantic_vad", "auto_truncate": True})
    client.silence(10.0)
    client.say("caller.turn2")
    assert client.all("conversation.item.truncated") == []


@pytest.mark.parametrize("late", [False, True])
def test_the_confirmation_comes_before_or_after_the_end_of_the_response(connect: Any, late: bool) -> None:
    options = TwinOptions(timing=Timing(speedup=1.0), faults=Faults(truncated_after_done=late))
    client = answered(connect, options)
    client.send("response.cancel")
    truncate(client, 300)
    client.advance(1.0)
    types = client.types()
    assert (types.index("conversation.item.truncated") > types.index("response.done")) == late
