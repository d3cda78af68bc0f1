from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.ticket import LIFETIME_S, Purpose, Subject, TicketKeys, TicketRefused

KEY, OLD_KEY = b"k" * 32, b"o" * 32
NUMBER = "+18005550176"
EVENT_TIME = 1_790_000_000.75
NOW = EVENT_TIME + 3
SUBJECT = Subject(f"context-of-{NUMBER}", EVENT_TIME, "northwind", "main", "support", "cascade-eu")
KEYS = TicketKeys(KEY)


def refusal(ticket: str, purpose: Purpose = Purpose.MEDIA, now: float = NOW, keys: TicketKeys = KEYS) -> str:
    with pytest.raises(TicketRefused) as refused:
        keys.verify(ticket, purpose, now)
    return refused.value.kind


@pytest.mark.parametrize("purpose", Purpose)
def test_a_ticket_says_what_it_was_issued_for(purpose: Purpose) -> None:
    ticket = KEYS.verify(KEYS.issue(purpose, SUBJECT), purpose, NOW)

    assert ticket.call_id == KEYS.call_id(SUBJECT.context)
    assert (ticket.purpose, ticket.line, ticket.agent, ticket.deployment) == (purpose, "main", "support", "cascade-eu")
    assert ticket.issued_at == int(EVENT_TIME)


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("purpose", Purpose)
def test_no_bit_of_a_ticket_can_be_changed(purpose: Purpose, bit: int) -> None:
    """Base64 has spare bits at its end: the text is compared, not what it decodes to."""
    good = KEYS.issue(purpose, SUBJECT).encode("ascii")

    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 1 << bit
        assert refusal(changed.decode("latin-1"), purpose) in ("malformed", "unknown_key", "signature")


@given(st.text() | st.from_regex(r"v1\.[A-Za-z0-9_-]{20,60}\.[A-Za-z0-9_-]{43}", fullmatch=True))
def test_any_text_is_refused_as_a_ticket(text: str) -> None:
    assert refusal(text) in ("malformed", "unknown_key", "signature")


@pytest.mark.parametrize(
    "payload", [b"[" * 360, b"[1, 2, 3, 4, 5, 6, 7]", b'{"k": {"a": [1, 2, 3]}}', b'{"k": null, "x": 1}', b"\xff" * 30]
)
def test_strange_payloads_are_refused_before_anything_is_believed(payload: bytes) -> None:
    body = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()

    assert refusal(f"v1.{body}.{'A' * 43}") in ("malformed", "unknown_key")


def test_a_payload_signed_by_a_stranger_is_refused() -> None:
    payload = json.dumps({"k": hashlib.sha256(b"key-id:" + KEY).hexdigest()[:8], "p": "media", "x": 2**40}).encode()
    body = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    signature = hmac.digest(b"x" * 32, b"ticket:v1." + body.encode(), hashlib.sha256)

    assert refusal(f"v1.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}") == "signature"


def test_grammar() -> None:
    good = KEYS.issue(Purpose.MEDIA, SUBJECT)
    for bad in (good + "\n", " " + good, good + "=", good.replace("v1", "v2"), good.replace(".", "/"), good.upper()):
        assert refusal(bad) in ("malformed", "unknown_key")


def test_purposes_are_not_interchangeable() -> None:
    assert refusal(KEYS.issue(Purpose.CALLBACKS, SUBJECT), Purpose.MEDIA) == "purpose"
    assert refusal(KEYS.issue(Purpose.MEDIA, SUBJECT), Purpose.CALLBACKS) == "purpose"


def test_a_ticket_expires() -> None:
    good = KEYS.issue(Purpose.MEDIA, SUBJECT)
    last = int(EVENT_TIME) + LIFETIME_S

    assert KEYS.verify(good, Purpose.MEDIA, last).issued_at == int(EVENT_TIME)
    assert refusal(good, now=last + 0.001) == "expired"


def test_a_rotated_key_is_accepted_until_it_is_gone() -> None:
    old = TicketKeys(OLD_KEY).issue(Purpose.MEDIA, SUBJECT)
    rotated = TicketKeys(KEY, previous=OLD_KEY)

    assert rotated.verify(old, Purpose.MEDIA, NOW).line == "main"
    assert rotated.issue(Purpose.MEDIA, SUBJECT) == KEYS.issue(Purpose.MEDIA, SUBJECT)
    assert refusal(old) == "unknown_key"
    assert refusal(KEYS.issue(Purpose.MEDIA, SUBJECT), keys=TicketKeys(OLD_KEY)) == "unknown_key"


def test_replicas_make_the_same_ticket_from_the_same_event() -> None:
    other = TicketKeys(KEY)

    for purpose in Purpose:
        assert other.issue(purpose, SUBJECT) == KEYS.issue(purpose, SUBJECT)
    assert (
        other.call_id(SUBJECT.context) == KEYS.call_id(SUBJECT.context) != TicketKeys(OLD_KEY).call_id(SUBJECT.context)
    )


def test_nothing_personal_and_no_key_is_in_a_ticket_or_in_what_is_printed() -> None:
    ticket = KEYS.issue(Purpose.MEDIA, SUBJECT)
    body = ticket.split(".")[1]
    payload = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()

    assert NUMBER not in payload
    assert SUBJECT.context not in payload
    assert len(ticket) < 320
    assert NUMBER not in repr(SUBJECT)
    assert repr(TicketKeys(KEY, OLD_KEY)) == "<TicketKeys 2>"


def test_the_longest_names_still_make_a_valid_ticket() -> None:
    """Names of the configuration have at most 64 characters."""
    subject = Subject("c" * 32_768, EVENT_TIME, "r" * 64, "l" * 64, "a" * 64, "d" * 64)

    assert KEYS.verify(KEYS.issue(Purpose.CALLBACKS, subject), Purpose.CALLBACKS, NOW).agent == "a" * 64
