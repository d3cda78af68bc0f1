"""The closed lists hold what the code can say: no more, so that no series is dead, and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.clients.voice_live import DialResult
from gateway.telemetry import labels
from gateway.telemetry.labels import OTHER, UNKNOWN
from gateway.wire import call_automation
from gateway.wire.voice_live import KNOWN_UNUSED

GATEWAY = Path(__file__).parents[2] / "gateway"


def source(*names: str) -> str:
    return "\n".join((GATEWAY / name).read_text(encoding="utf-8") for name in names)


def said(pattern: str, *names: str) -> set[str]:
    found = set(re.findall(pattern, source(*names)))
    assert found, f"{pattern} is not how it is written any more"
    return found


def test_kinds_of_bad_messages() -> None:
    """What the legs' readers count: their codecs' refusals and their own. Bad audio is counted as dropped audio."""
    codecs = ("wire/media_stream.py", "wire/voice_live.py", "wire/strict_json.py", "clients/voice_live.py")
    raised = said(r'BadMessage\("(\w+)"\)', *codecs)
    own = said(r'bad_message\("\w+", "(\w+)"\)', "calls/pump.py")

    assert raised | own == set(labels.BAD_MESSAGE_KINDS) - {OTHER}


def test_faults_of_tickets() -> None:
    assert said(r'TicketRefused\("(\w+)"\)', "wire/ticket.py") == set(labels.TICKET_FAULTS)


def test_results_of_dials() -> None:
    assert {result.value for result in DialResult} == set(labels.DIAL_RESULTS) - {OTHER}
    for result in set(DialResult) - {DialResult.READY}:
        assert f"DialResult.{result.name}" in source("clients/voice_live.py")


def test_kinds_of_events() -> None:
    assert said(r'telemetry\.event\("(\w+)"\)', "server/incoming.py") == set(labels.EVENT_KINDS)


def test_callbacks_that_are_acted_upon_have_their_own_series() -> None:
    acted_upon = set(call_automation.ACTED_UPON)
    own = said(r'telemetry\.callback\("(\w+)"\)', "server/callbacks.py")

    assert acted_upon | own <= set(labels.CALLBACKS)
    assert labels.CALLBACKS[-1] == OTHER


def test_events_of_the_model_leg() -> None:
    read = _readers()

    assert read | KNOWN_UNUSED == set(labels.MODEL_EVENTS) - {UNKNOWN}


def _readers() -> set[str]:
    text = source("wire/voice_live.py")
    table = text[text.index("_READERS: ") : text.index("KNOWN_UNUSED = ")]
    deltas = set(re.findall(r'"([a-z_.]+)"', text[text.index("_DELTAS = ") : text.index("_delta_decoder")]))
    return set(re.findall(r'^    "([a-z_.]+)":', table, re.MULTILINE)) | deltas


@pytest.mark.parametrize("name", [name for name in vars(labels) if name.isupper() and name not in ("OTHER", "UNKNOWN")])
def test_a_catch_all_stands_last_and_once(name: str) -> None:
    values = getattr(labels, name)
    if isinstance(values, tuple):
        assert len(set(values)) == len(values)
        assert not {OTHER, UNKNOWN} & set(values[:-1])
