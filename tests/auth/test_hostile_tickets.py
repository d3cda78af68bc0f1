"""Tickets that somebody might try, by name, and why each is refused; and every bit of a genuine one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from gateway.wire.ticket import LIFETIME_S, Purpose, Subject, TicketKeys, TicketRefused

NOW = 1_790_000_000.0
KEY, PREVIOUS, RETIRED, ATTACKERS = (name * 32 for name in (b"k", b"p", b"r", b"a"))
DOMAIN = b"ticket:v1."
SUBJECT = Subject("a context", NOW - 5, "northwind", "main", "support", "cascade-eu")
DOOR = TicketKeys(KEY, PREVIOUS)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key_id(key: bytes) -> str:
    payload = orjson.loads(unb64(TicketKeys(key).issue(Purpose.MEDIA, SUBJECT).split(".")[1]))
    return str(payload["k"])


MEDIA, CALLBACKS, CLIPS = (
    DOOR.issue(purpose, SUBJECT) for purpose in (Purpose.MEDIA, Purpose.CALLBACKS, Purpose.CLIPS)
)
_, BODY, SIGNATURE = MEDIA.split(".")
PAYLOAD: dict[str, Any] = orjson.loads(unb64(BODY))


def signature(body: str, key: bytes = KEY, domain: bytes = DOMAIN, digest: str = "sha256") -> str:
    return b64(hmac.digest(key, domain + body.encode("ascii"), digest)[:32])


def forged(payload: object, key: bytes = ATTACKERS) -> str:
    """A ticket of this payload, signed by somebody."""
    body = b64(orjson.dumps(payload))
    return f"v1.{body}.{signature(body, key)}"


def kept(payload: object) -> str:
    """A ticket of this payload with the signature of the genuine one."""
    return f"v1.{b64(orjson.dumps(payload))}.{SIGNATURE}"


def aged(age_s: float, purpose: Purpose = Purpose.MEDIA) -> str:
    return DOOR.issue(purpose, Subject("a context", NOW - age_s, "northwind", "main", "support", "cascade-eu"))


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    kind: str
    ticket: str
    purpose: Purpose = Purpose.MEDIA


FIELDS: dict[str, object] = {
    "c": "00000000-0000-4000-8000-000000000000",
    "x": PAYLOAD["x"] + 86_400,
    "r": "another resource",
    "l": "premium",
    "a": "admin",
    "d": "another",
    "n": "AAAAAAAAAAAAAAAA",
    "z": "one more",
}
ENDS_TWICE = orjson.dumps(PAYLOAD)[:-1] + b',"x":9999999999}'
OTHER_JSON = [
    b"[" + b" " * 20 + b"]",
    b"null" + b" " * 20,
    b'"' + b"x" * 20 + b'"',
    b"1" * 15,
    b"1" * 200,
    b"true" + b" " * 20,
]
NO_JSON = [
    bytes(20),
    b"\xff" * 20,
    b"{" * 20,
    b"[" * 400,
    b'{"k":' * 40,
    b"\xef\xbb\xbf{}" + b" " * 20,
    b'{"k":NaN}' + b" " * 20,
]

WRITTEN = [
    Case(f"written {form[:40]!r}", "malformed", form.replace("TICKET", MEDIA))
    for form in [
        *(
            "",
            ".",
            "..",
            "v1",
            "v1.",
            "v1..",
            "TICKET.",
            ".TICKET",
            " TICKET",
            "TICKET ",
            "TICKET\n",
            "TICKET\r\n",
            "\nTICKET",
        ),
        *(
            "TICKET\x00",
            "\x00TICKET",
            "TICKET/",
            "/TICKET",
            "../TICKET",
            "TICKET?x=y",
            "TICKET#x",
            "TICKET%0A",
            "TICKET=",
            "TICKET==",
        ),
        *(
            "TICKET.TICKET",
            "TICKET,TICKET",
            "Bearer TICKET",
            '"TICKET"',
            "TICKET\u200b",
            "\ufeffTICKET",
            "TICKET\udcff",
            "TICKET" * 9,
        ),
        *(
            "\uff36" + "TICKET"[1:],
            "T\u0131CKET",
            "%s" * 20,
            "../../etc/passwd",
            "' OR '1'='1",
            "v1." + "A" * 20 + "." + "\u0660" * 43,
        ),
    ]
]
VERSIONS = [
    Case(f"version {version!r}", "malformed", f"{version}.{BODY}.{SIGNATURE}")
    for version in (
        "v2",
        "v0",
        "V1",
        "v10",
        "v01",
        "v-1",
        "v1 ",
        "v\u0661",
        "1",
        "",
        "v",
        "v1.v1",
        "v1\n",
        "JWT",
        "v\u00b9",
    )
]
SHAPES = [
    Case("no version", "malformed", f"{BODY}.{SIGNATURE}"),
    Case("no signature", "malformed", f"v1.{BODY}"),
    Case("an empty signature", "malformed", f"v1.{BODY}."),
    Case("an empty payload", "malformed", f"v1..{SIGNATURE}"),
    Case("a signature shorter by one", "malformed", f"v1.{BODY}.{SIGNATURE[:-1]}"),
    Case("a signature longer by one", "malformed", f"v1.{BODY}.{SIGNATURE}A"),
    Case("a payload over its bound", "malformed", f"v1.{'A' * 641}.{SIGNATURE}"),
    Case("a payload under its bound", "malformed", f"v1.{'A' * 19}.{SIGNATURE}"),
    Case("a payload of 4n+1 characters", "malformed", f"v1.{'A' * 21}.{SIGNATURE}"),
    Case("a megabyte", "malformed", f"v1.{'A' * 1_000_000}.{SIGNATURE}"),
    Case("characters of the other base64", "malformed", f"v1.{BODY[:-2]}+/.{SIGNATURE}"),
    Case("a signature in hexadecimal", "malformed", f"v1.{BODY}.{unb64(SIGNATURE).hex()}"),
    Case("payload and signature exchanged", "malformed", f"v1.{SIGNATURE}.{BODY}"),
    Case("a JSON Web Token", "malformed", "eyJhbGciOiJub25lIn0.eyJleHAiOjF9." + "A" * 43),
    *(Case(f"payload {text[:12]!r} of {len(text)}", "malformed", f"v1.{b64(text)}.{SIGNATURE}") for text in NO_JSON),
    *(Case(f"payload {text[:12]!r} of {len(text)}", "malformed", f"v1.{b64(text)}.{SIGNATURE}") for text in OTHER_JSON),
]
KEYS = [
    *(
        Case(f"key id {value!r}", "unknown_key", forged({**PAYLOAD, "k": value}, KEY))
        for value in (
            None,
            "",
            0,
            True,
            [],
            [PAYLOAD["k"]],
            {},
            {"k": 1},
            "deadbeef",
            PAYLOAD["k"].upper(),
            PAYLOAD["k"] + " ",
            "*",
        )
    ),
    Case("no key id", "unknown_key", forged({name: value for name, value in PAYLOAD.items() if name != "k"}, KEY)),
    Case("an attacker's key under its own id", "unknown_key", TicketKeys(ATTACKERS).issue(Purpose.MEDIA, SUBJECT)),
    Case("a key that was rotated out", "unknown_key", TicketKeys(RETIRED).issue(Purpose.MEDIA, SUBJECT)),
    Case("an attacker's key under our id", "signature", forged(PAYLOAD)),
    Case("an attacker's key under the previous id", "signature", forged({**PAYLOAD, "k": key_id(PREVIOUS)})),
    Case("our key under the previous id", "signature", forged({**PAYLOAD, "k": key_id(PREVIOUS)}, KEY)),
    Case("the previous key under our id", "signature", forged(PAYLOAD, PREVIOUS)),
    Case("the key id as key", "signature", forged(PAYLOAD, PAYLOAD["k"].encode())),
    Case("an empty key", "signature", forged(PAYLOAD, b"")),
    Case("a key of zeros", "signature", forged(PAYLOAD, bytes(32))),
]
SIGNATURES = [
    *(Case(f"field {name} changed", "signature", kept({**PAYLOAD, name: value})) for name, value in FIELDS.items()),
    *(
        Case(f"field {name} changed, re-signed by an attacker", "signature", forged({**PAYLOAD, name: value}))
        for name, value in FIELDS.items()
    ),
    *(
        Case(f"field {name} taken away", "signature", kept({n: v for n, v in PAYLOAD.items() if n != name}))
        for name in PAYLOAD
        if name != "k"
    ),
    *(
        Case(f"purpose swapped to {purpose}, {how}", "signature", make({**PAYLOAD, "p": purpose.value}), purpose)
        for purpose in (Purpose.CALLBACKS, Purpose.CLIPS)
        for how, make in (("signature kept", kept), ("re-signed by an attacker", forged))
    ),
    Case("fields in another order", "signature", kept(dict(reversed(PAYLOAD.items())))),
    Case(
        "fields with blanks between",
        "signature",
        f"v1.{b64(orjson.dumps(PAYLOAD, option=orjson.OPT_INDENT_2))}.{SIGNATURE}",
    ),
    Case("the end given twice", "signature", f"v1.{b64(ENDS_TWICE)}.{SIGNATURE}"),
    Case("the signature of another ticket", "signature", f"v1.{BODY}.{CALLBACKS.split('.')[2]}"),
    Case("the signature of another call", "signature", f"v1.{BODY}.{aged(6).split('.')[2]}"),
    Case("signed without the name of what it is", "signature", f"v1.{BODY}.{signature(BODY, domain=b'')}"),
    Case("signed as another version", "signature", f"v1.{BODY}.{signature(BODY, domain=b'ticket:v2.')}"),
    Case("signed as a call's id is made", "signature", f"v1.{BODY}.{signature(BODY, domain=b'call:')}"),
    Case("signed with SHA-512", "signature", f"v1.{BODY}.{signature(BODY, digest='sha512')}"),
    Case("signed with SHA3", "signature", f"v1.{BODY}.{signature(BODY, digest='sha3_256')}"),
    Case("a hash without a key", "signature", f"v1.{BODY}.{b64(hashlib.sha256(DOMAIN + BODY.encode()).digest())}"),
    Case("a hash of key and text", "signature", f"v1.{BODY}.{b64(hashlib.sha256(ATTACKERS + BODY.encode()).digest())}"),
    Case("a signature of zeros", "signature", f"v1.{BODY}.{'A' * 43}"),
    Case("a signature backwards", "signature", f"v1.{BODY}.{SIGNATURE[::-1]}"),
    Case("a signature in capitals", "signature", f"v1.{BODY}.{SIGNATURE.upper()}"),
    Case("the signature's spare bits set", "signature", f"v1.{BODY}.{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}"),
]
REPLAYS = [
    Case("a media ticket at the callbacks door", "purpose", MEDIA, Purpose.CALLBACKS),
    Case("a media ticket at the clips door", "purpose", MEDIA, Purpose.CLIPS),
    Case("a callbacks ticket at the media door", "purpose", CALLBACKS, Purpose.MEDIA),
    Case("a callbacks ticket at the clips door", "purpose", CALLBACKS, Purpose.CLIPS),
    Case("a clips ticket at the media door", "purpose", CLIPS, Purpose.MEDIA),
    Case("a clips ticket at the callbacks door", "purpose", CLIPS, Purpose.CALLBACKS),
    Case("a media ticket of yesterday at the callbacks door", "purpose", aged(86_400), Purpose.CALLBACKS),
    *(
        Case(f"{purpose} after {age_s} s", "expired", aged(age_s, purpose), purpose)
        for purpose in Purpose
        for age_s in (LIFETIME_S + 1, 2 * LIFETIME_S, 86_400, NOW - 1)
    ),
]
CASES = [*WRITTEN, *VERSIONS, *SHAPES, *KEYS, *SIGNATURES, *REPLAYS]


def refusal(ticket: str, purpose: Purpose) -> str | None:
    """Why it is refused; None: it is not."""
    try:
        DOOR.verify(ticket, purpose, NOW)
    except TicketRefused as refused:
        return refused.kind
    return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_ticket_is_refused(case: Case) -> None:
    assert refusal(case.ticket, case.purpose) == case.kind


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("issue", [DOOR.issue, TicketKeys(PREVIOUS).issue], ids=["current key", "previous key"])
def test_a_genuine_ticket_is_accepted(issue: Callable[[Purpose, Subject], str], purpose: Purpose) -> None:
    assert refusal(issue(purpose, SUBJECT), purpose) is None
    assert refusal(aged(LIFETIME_S, purpose), purpose) is None


def test_there_are_enough_cases_and_no_two_of_a_name() -> None:
    assert len(CASES) >= 100
    assert [name for name, times in Counter(case.name for case in CASES).items() if times > 1] == []


@pytest.mark.parametrize("purpose", Purpose)
def test_no_bit_of_a_genuine_ticket_can_be_flipped(purpose: Purpose) -> None:
    """Of the text as it is sent, not of what it decodes to: the end of base64 has spare bits."""
    ticket = DOOR.issue(purpose, SUBJECT)
    flipped = {
        ticket[:place] + chr(ord(ticket[place]) ^ 1 << bit) + ticket[place + 1 :]
        for place in range(len(ticket))
        for bit in range(8)
    }
    assert len(flipped) == 8 * len(ticket) >= 2000
    assert [changed for changed in flipped if refusal(changed, purpose) is None] == []


@pytest.mark.parametrize("purpose", Purpose)
def test_nothing_can_be_cut_from_a_genuine_ticket(purpose: Purpose) -> None:
    ticket = DOOR.issue(purpose, SUBJECT)
    cut = [ticket[:place] + ticket[place + 1 :] for place in range(len(ticket))]
    ends = [ticket[:place] for place in range(len(ticket))] + [ticket[place:] for place in range(1, len(ticket))]
    assert {refusal(each, purpose) for each in cut + ends} <= {"malformed", "unknown_key", "signature"}


def test_a_signature_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert refusal(MEDIA, Purpose.MEDIA) is None
    assert compared == [(SIGNATURE, SIGNATURE)]
