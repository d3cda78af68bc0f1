"""The two proofs: a shared secret in a header, and a token."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.errors import Fault, Refused, Undecided
from gateway.auth.keys import KeySet
from gateway.auth.secret_files import LOOK_S, SecretFiles
from gateway.auth.tokens import TokenRules, read_bearer
from gateway.auth.verifier import SecretVerifier, TokenVerifier
from gateway.simulator.phone.keys import SigningKeys

OLD, NEW = b"old-secret-of-thirty-two-letters", b"new-secret-of-thirty-two-letters"


class Fixed:
    def __init__(self, *secrets: bytes) -> None:
        self.secrets = secrets

    def current(self) -> Sequence[bytes]:
        return self.secrets


def fault(values: Sequence[str], *secrets: bytes) -> Fault | None:
    """What is wrong with these values of the header; None: nothing."""
    try:
        SecretVerifier("X-Gateway-Key", Fixed(*secrets)).verify(values)
    except Refused as refused:
        return refused.fault
    return None


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_whoever_is_let_in_is_known_by_the_id_of_the_secret() -> None:
    verifier = SecretVerifier("X-Gateway-Key", Fixed(OLD, NEW))
    assert [verifier.verify([secret.decode()]) for secret in (OLD, NEW)] == [
        hashlib.sha256(secret).hexdigest()[:8] for secret in (OLD, NEW)
    ]


def test_the_secret_is_accepted() -> None:
    assert fault([OLD.decode()], OLD) is None


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_during_a_rotation_both_secrets_are_accepted(secret: bytes) -> None:
    assert fault([secret.decode()], OLD, NEW) is None


def test_after_a_rotation_the_old_secret_is_refused() -> None:
    assert fault([OLD.decode()], NEW) is Fault.SECRET


def test_no_header_is_named_as_such() -> None:
    assert fault([], OLD) is Fault.MISSING


@pytest.mark.parametrize("values", [[OLD, OLD], [OLD, NEW], [NEW, OLD], [b"", OLD], [OLD, b""], [OLD] * 64])
def test_a_header_that_comes_twice_is_refused_whatever_it_holds(values: list[bytes]) -> None:
    assert fault([value.decode() for value in values], OLD, NEW) is Fault.MALFORMED


SECRET = OLD.decode()
WRONG = {
    "empty": "",
    "a prefix": SECRET[:-1],
    "the first character": SECRET[0],
    "a suffix": SECRET[1:],
    "one more": f"{SECRET}x",
    "one before": f"x{SECRET}",
    "twice": SECRET * 2,
    "both with a comma": f"{SECRET},{NEW.decode()}",
    "both run together": f"{SECRET}{NEW.decode()}",
    "in capitals": SECRET.upper(),
    "a blank before": f" {SECRET}",
    "a blank after": f"{SECRET} ",
    "a line's end": f"{SECRET}\n",
    "NUL": f"{SECRET}\x00",
    "quoted": f'"{SECRET}"',
    "as Bearer": f"Bearer {SECRET}",
    "last character": f"{SECRET[:-1]}r",
    "first character": f"x{SECRET[1:]}",
    "a letter that looks so": SECRET.replace("o", "\u043e"),
    "fullwidth": "".join(chr(ord(letter) + 0xFEE0) for letter in SECRET),
    "bytes that are no UTF-8": f"{SECRET}\udcff",
    "half a surrogate pair": f"{SECRET}\ud800",
    "as long, but another": "x" * len(SECRET),
    "a megabyte": SECRET * 32_768,
    "its hash": "9d1b1b4a" * 8,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_secret_is_refused(name: str) -> None:
    assert fault([WRONG[name]], OLD, NEW) is Fault.SECRET


@given(st.text())
def test_no_text_but_the_secret_is_accepted(text: str) -> None:
    assert fault([text], OLD) is (None if text == SECRET else Fault.SECRET)


def test_without_secrets_nothing_is_accepted() -> None:
    assert fault([""]) is Fault.SECRET
    assert fault([SECRET]) is Fault.SECRET


@pytest.mark.parametrize("sent", [OLD.decode(), NEW.decode(), "x", ""])
def test_both_secrets_are_compared_in_full_whatever_was_sent(sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes of equal length, both of them: the time says nothing of which was nearer."""
    lengths = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        lengths.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    fault([sent], OLD, NEW)
    assert lengths == [(32, 32), (32, 32)]


def test_a_secret_that_is_replaced_while_running_is_the_one_that_counts(tmp_path: Path) -> None:
    now = 0.0
    file, following = tmp_path / "key", tmp_path / "next"
    file.write_bytes(OLD)
    following.write_bytes(NEW)
    verifier = SecretVerifier("X-Gateway-Key", SecretFiles([file], lambda: now))
    verifier.verify([OLD.decode()])
    following.replace(file)
    now += LOOK_S
    verifier.verify([NEW.decode()])
    with pytest.raises(Refused):
        verifier.verify([OLD.decode()])
    file.unlink()
    now += LOOK_S
    verifier.verify([NEW.decode()])


# --- tokens -----------------------------------------------------------------------------------------------------------

NOW = 1_790_000_000.0
ISSUER, AUDIENCE = "https://issuer.example", "audience"


@cache
def signing_keys() -> SigningKeys:
    return SigningKeys(lambda: NOW)


class Nobody:
    def keys_fetched(self, name: str, *, ok: bool) -> None: ...


@asynccontextmanager
async def door(wall_now: float = NOW) -> AsyncIterator[TokenVerifier]:
    async def fetch() -> bytes:
        return json.dumps(signing_keys().jwks()).encode()

    keys = KeySet("twin", fetch, asyncio.get_running_loop().time, Nobody())
    task = asyncio.create_task(keys.run())
    await keys.ready.wait()
    try:
        yield TokenVerifier(keys, TokenRules(frozenset({ISSUER}), AUDIENCE, 900.0), lambda: wall_now)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def token(lifetime_s: float = 300.0) -> str:
    return signing_keys().acs_token(ISSUER, AUDIENCE, lifetime_s)


async def test_a_genuine_token_gives_its_claims() -> None:
    async with door() as verifier:
        claims = await verifier.verify([f"Bearer {token()}"])
    assert claims == {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "nbf": NOW, "exp": NOW + 300}


async def test_a_token_of_a_key_that_was_not_fetched_yet_is_undecided_and_not_refused() -> None:
    async with door() as verifier:
        signing_keys().rotate()
        with pytest.raises(Undecided):
            await verifier.verify([f"Bearer {token()}"])


@pytest.mark.parametrize(
    ("later_s", "wrong"), [(359.0, None), (360.0, Fault.EXPIRED), (-60.0, None), (-61.0, Fault.NOT_YET)]
)
async def test_clocks_may_differ_by_a_minute_and_no_more(later_s: float, wrong: Fault | None) -> None:
    async with door(NOW + later_s) as verifier:
        if wrong is None:
            await verifier.verify([f"Bearer {token()}"])
            return
        with pytest.raises(Refused) as refused:
            await verifier.verify([f"Bearer {token()}"])
        assert refused.value.fault is wrong


async def test_a_token_may_be_used_again_while_it_is_valid() -> None:
    """The phone network reuses a media socket's token when it reconnects."""
    same = token()
    async with door() as verifier:
        for _ in range(3):
            await verifier.verify([f"Bearer {same}"])


def test_what_is_printed_of_a_token_does_not_hold_it() -> None:
    genuine = token()
    assert genuine not in repr(read_bearer([f"Bearer {genuine}"]))


@given(st.lists(st.text(), max_size=3))
def test_no_header_of_any_kind_ends_in_anything_but_a_refusal(headers: list[str]) -> None:
    with pytest.raises(Refused):
        read_bearer(headers)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_in_the_parts_of_a_token_end_in_anything_but_a_refusal(first: bytes, second: bytes) -> None:
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() or "AA" for part in (first, second, b"x"))
    with pytest.raises(Refused):
        read_bearer([f"Bearer {'.'.join(parts)}"])
