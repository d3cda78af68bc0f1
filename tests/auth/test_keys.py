"""Keys that are fetched: when, how often, and what is said to requests meanwhile. On virtual time, without sockets."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Literal, ParamSpec, TypeAlias

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.auth.errors import Fault, Refused, Undecided
from gateway.auth.keys import (
    COOL_DOWN_S,
    DECIDE_S,
    FRESH_S,
    MAX_UNKNOWN,
    MAX_WAITING,
    REFRESH_S,
    STALE_S,
    UNKNOWN_S,
    KeySet,
    KeysUnusable,
    parse_keys,
)
from gateway.bounds import MAX_KEY_SET_BYTES, MAX_KEYS
from gateway.errors import GatewayError
from gateway.simulator.virtual_time import virtual_time_runner

P = ParamSpec("P")
Answer: TypeAlias = Literal["found", "refused", "undecided"]


def on_virtual_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        with virtual_time_runner() as runner:
            runner.run(main())

    return run


def now() -> float:
    return asyncio.get_running_loop().time()


@cache
def private_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def b64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def jwk(kid: object = "known", bits: int = 2048, **changes: Any) -> dict[str, Any]:
    numbers = private_key(bits).public_key().public_numbers()
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": b64(numbers.n), "e": b64(numbers.e), **changes}


def document(*entries: object, **more: Any) -> bytes:
    return json.dumps({"keys": entries, **more}).encode()


class AuthorityAwayError(GatewayError):
    pass


class Authority:
    """Publishes keys, and writes down when it was asked and what was told to the observer."""

    def __init__(self, *kids: str) -> None:
        self.kids = list(kids)
        self.away = False
        self.broken = False
        self.takes_s = 0.0
        self.document: bytes | None = None
        """instead of one with the keys"""
        self.asked_at: list[float] = []
        self.told: list[bool] = []

    async def fetch(self) -> bytes:
        self.asked_at.append(now())
        await asyncio.sleep(self.takes_s)
        if self.broken:
            raise RuntimeError("Session is closed")
        if self.away:
            raise AuthorityAwayError("nobody there")
        return document(*map(jwk, self.kids)) if self.document is None else self.document

    def keys_fetched(self, name: str, *, ok: bool) -> None:
        assert name == "twin"
        self.told.append(ok)

    def key_set(self, revoked: frozenset[str] = frozenset()) -> KeySet:
        return KeySet("twin", self.fetch, now, self, revoked)


@asynccontextmanager
async def running(keys: KeySet) -> AsyncIterator[KeySet]:
    task = asyncio.create_task(keys.run())
    try:
        await asyncio.sleep(0)
        yield keys
        assert not task.done(), "nothing ends the task that fetches"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def loaded(authority: Authority, revoked: frozenset[str] = frozenset()) -> AsyncIterator[KeySet]:
    """With the first keys here, and the cool-down after them over."""
    async with running(authority.key_set(revoked)) as keys:
        await keys.ready.wait()
        await asyncio.sleep(COOL_DOWN_S)
        yield keys


async def ask(keys: KeySet, kid: str) -> Answer:
    try:
        await keys.find(kid)
    except Refused:
        return "refused"
    except Undecided:
        return "undecided"
    return "found"


# --- loading and keeping fresh ----------------------------------------------------------------------------------------


@on_virtual_time
async def test_keys_are_ready_when_they_have_come_once() -> None:
    authority = Authority("known")
    authority.takes_s = 2.0
    async with running(authority.key_set()) as keys:
        assert keys.age_s() is None
        assert not keys.ready.is_set()
        assert await ask(keys, "known") == "undecided"
        await asyncio.sleep(2.5)
        assert keys.ready.is_set()
        assert await ask(keys, "known") == "found"
        assert keys.age_s() == pytest.approx(0.5)
    assert len(authority.asked_at) == 1


@on_virtual_time
async def test_fetches_that_fail_at_the_start_are_repeated_until_one_does_not() -> None:
    authority = Authority("known")
    authority.away = True
    async with running(authority.key_set()) as keys:
        start = now()
        await asyncio.sleep(100.0)
        assert [round(at - start, 3) for at in authority.asked_at] == [0, 1, 3, 8, 18, 48, 78]
        assert await ask(keys, "known") == "undecided"
        assert not keys.ready.is_set()
        authority.away = False
        await asyncio.wait_for(keys.ready.wait(), 40.0)
        assert await ask(keys, "known") == "found"
    assert authority.told == [False] * 8 + [True], "the question above asked once more"


@on_virtual_time
async def test_keys_are_fetched_again_at_80_percent_of_an_hour() -> None:
    authority = Authority("known")
    async with running(authority.key_set()) as keys:
        start = now()
        await asyncio.sleep(3 * FRESH_S)
        assert [round(at - start, 3) for at in authority.asked_at] == [0, 2880, 5760, 8640]
        assert REFRESH_S == 2880
        assert keys.ready.is_set()


@on_virtual_time
async def test_keys_serve_on_for_a_day_while_the_authority_is_away_and_no_longer() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        authority.away = True
        await asyncio.sleep(STALE_S - COOL_DOWN_S - 1.0)
        assert await ask(keys, "known") == "found"
        await asyncio.sleep(2.0)
        assert await ask(keys, "known") == "undecided"
        assert await ask(keys, "never heard of") == "undecided"
        authority.away = False
        await asyncio.sleep(COOL_DOWN_S)
        assert await ask(keys, "known") == "found"


@on_virtual_time
async def test_a_fetch_that_fails_is_repeated_and_then_the_hour_begins_anew() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        start = authority.asked_at[0]
        authority.away = True
        await asyncio.sleep(REFRESH_S - COOL_DOWN_S + 2.0)
        authority.away = False
        await asyncio.sleep(2.0 + REFRESH_S)
        assert [round(at - start, 3) for at in authority.asked_at] == [0, 2880, 2881, 2883, 5763]
        assert await ask(keys, "known") == "found"


@on_virtual_time
async def test_a_fetch_that_breaks_in_a_way_nobody_thought_of_is_not_the_last_one() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        authority.broken = True
        assert await ask(keys, "new") == "undecided"
        authority.broken = False
        authority.kids.append("new")
        await asyncio.sleep(2.0)
        assert await ask(keys, "new") == "found"
    assert authority.told == [True, False, True]


@on_virtual_time
async def test_a_refusal_names_the_key_as_the_reason() -> None:
    async with loaded(Authority("known")) as keys:
        with pytest.raises(Refused) as refused:
            await keys.find("forged")
        assert refused.value.fault is Fault.KEY_UNKNOWN


@on_virtual_time
async def test_a_key_that_is_no_longer_published_is_no_longer_taken() -> None:
    authority = Authority("known", "old")
    async with loaded(authority) as keys:
        assert await ask(keys, "old") == "found"
        authority.kids.remove("old")
        await asyncio.sleep(REFRESH_S)
        assert await ask(keys, "old") == "refused"
        assert await ask(keys, "known") == "found"


@on_virtual_time
async def test_a_revoked_key_is_refused_although_it_is_published() -> None:
    authority = Authority("known", "stolen")
    async with loaded(authority, revoked=frozenset({"stolen", "not even published"})) as keys:
        assert await ask(keys, "stolen") == "refused"
        assert await ask(keys, "not even published") == "refused"
        assert await ask(keys, "known") == "found"
    assert len(authority.asked_at) == 1


@on_virtual_time
async def test_a_revoked_key_is_refused_before_any_keys_are_here() -> None:
    assert await ask(Authority().key_set(frozenset({"stolen"})), "stolen") == "refused"


# --- keys that nobody knows -------------------------------------------------------------------------------------------


@on_virtual_time
async def test_a_new_key_is_fetched_when_a_token_names_it() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        authority.kids.append("new")
        assert await ask(keys, "new") == "found"
    assert len(authority.asked_at) == 2


@on_virtual_time
async def test_a_key_that_does_not_exist_is_asked_for_once_in_300_seconds() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        assert await ask(keys, "forged") == "refused"
        assert len(authority.asked_at) == 2
        await asyncio.sleep(UNKNOWN_S - 1.0)
        assert await ask(keys, "forged") == "refused"
        assert len(authority.asked_at) == 2
        await asyncio.sleep(1.0)
        assert await ask(keys, "forged") == "refused"
        assert len(authority.asked_at) == 3


@on_virtual_time
async def test_within_the_cool_down_after_a_fetch_no_other_is_made_and_nothing_is_refused() -> None:
    authority = Authority("known")
    async with running(authority.key_set()) as keys:
        await keys.ready.wait()
        for _ in range(round(COOL_DOWN_S) - 1):
            await asyncio.sleep(1.0)
            assert await ask(keys, f"forged {now()}") == "undecided"
        assert len(authority.asked_at) == 1
        await asyncio.sleep(1.0)
        assert await ask(keys, "forged") == "refused"
        assert await ask(keys, "another") == "undecided"
        assert len(authority.asked_at) == 2


@on_virtual_time
async def test_one_fetch_decides_all_who_wait_and_there_are_not_more_than_64_of_them() -> None:
    authority = Authority("known")
    authority.takes_s = 2.0
    async with loaded(authority) as keys:
        authority.kids.append("new")
        start = now()
        answered: list[tuple[float, Answer]] = []

        async def one(kid: str) -> None:
            answer = await ask(keys, kid)
            answered.append((now() - start, answer))

        await asyncio.gather(one("new"), *(one(f"forged {n}") for n in range(MAX_WAITING + 35)))
        at_once = [answer for at, answer in answered if at == 0]
        later = Counter(answer for at, answer in answered if at > 0)
        assert at_once == ["undecided"] * 36
        assert later == {"found": 1, "refused": MAX_WAITING - 1}
        assert {at for at, _ in answered if at > 0} == {2.0}
    assert len(authority.asked_at) == 2


@on_virtual_time
async def test_who_asks_while_a_fetch_is_under_way_is_undecided_and_causes_none() -> None:
    authority = Authority("known")
    authority.takes_s = 2.0
    async with loaded(authority) as keys:
        first = asyncio.create_task(ask(keys, "forged"))
        await asyncio.sleep(1.0)
        assert await ask(keys, "another") == "undecided"
        assert await first == "refused"
    assert len(authority.asked_at) == 2


@on_virtual_time
async def test_who_waits_is_undecided_after_4_seconds() -> None:
    """The fetch has a deadline of its own; this one holds whatever becomes of it."""
    keys = Authority("known").key_set()  # nobody fetches
    start = now()
    assert await ask(keys, "known") == "undecided"
    assert now() - start == pytest.approx(DECIDE_S)


@on_virtual_time
async def test_a_request_that_went_away_leaves_its_place_to_another() -> None:
    keys = Authority("known").key_set()  # nobody fetches: all wait
    waiting = [asyncio.create_task(ask(keys, "known")) for _ in range(MAX_WAITING)]
    await asyncio.sleep(1.0)
    start = now()
    assert await ask(keys, "known") == "undecided"
    assert now() == start
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert await ask(keys, "known") == "undecided"
    assert now() - start == pytest.approx(DECIDE_S)
    await asyncio.gather(*waiting, return_exceptions=True)
    assert keys._waiting == []


@on_virtual_time
async def test_not_more_than_128_keys_are_remembered_as_unknown() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        for batch in range(4):
            kids = [f"forged {batch} {n}" for n in range(MAX_WAITING)]
            assert set(await asyncio.gather(*(ask(keys, kid) for kid in kids))) == {"refused"}
            await asyncio.sleep(COOL_DOWN_S)
        assert len(keys._unknown) == MAX_UNKNOWN
        assert len(authority.asked_at) == 5
        assert await ask(keys, "forged 3 63") == "refused"
        assert await ask(keys, "forged 2 0") == "refused"
        assert len(authority.asked_at) == 5
        assert await ask(keys, "forged 1 63") == "refused"
        assert len(authority.asked_at) == 6


@on_virtual_time
async def test_a_key_that_was_asked_for_again_is_remembered_as_if_for_the_first_time() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        assert await ask(keys, "forged") == "refused"
        await asyncio.sleep(UNKNOWN_S)
        assert await ask(keys, "another") == "refused"
        await asyncio.sleep(COOL_DOWN_S)
        assert await ask(keys, "forged") == "refused"
        assert list(keys._unknown) == ["another", "forged"]


@on_virtual_time
async def test_a_key_that_was_unknown_is_found_as_soon_as_any_fetch_brings_it() -> None:
    """A token may come before its key is published; that must not cost the 300 seconds."""
    authority = Authority("known")
    async with loaded(authority) as keys:
        assert await ask(keys, "early") == "refused"
        authority.kids.append("early")
        await asyncio.sleep(COOL_DOWN_S)
        assert await ask(keys, "forged") == "refused"
        assert await ask(keys, "early") == "found"
        authority.kids.remove("early")
        await asyncio.sleep(COOL_DOWN_S)
        assert await ask(keys, "forged again") == "refused"
        assert await ask(keys, "early") == "undecided"


@on_virtual_time
async def test_nothing_is_refused_on_account_of_a_fetch_that_failed() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        authority.away = True
        authority.kids.append("new")
        assert await ask(keys, "new") == "undecided"
        await asyncio.sleep(COOL_DOWN_S / 2)
        assert await ask(keys, "new") == "undecided"
        assert keys._unknown == {}
        authority.away = False
        await asyncio.sleep(COOL_DOWN_S)
        assert await ask(keys, "new") == "found"


# --- floods -----------------------------------------------------------------------------------------------------------

TICK_S = 0.02
PER_TICK = 20
"""1000 a second"""
FLOOD_S = 120.0


async def flood(keys: KeySet, genuine: Callable[[float], Awaitable[None]]) -> Counter[Answer]:
    """Two minutes of 1000 requests a second that name random keys; what they were answered.

    After the forged requests of each tick comes `genuine`, given the seconds since the beginning.
    """
    dice = random.Random(7)
    answers: Counter[Answer] = Counter()

    async def forged() -> None:
        answers[await ask(keys, f"{dice.getrandbits(128):032x}")] += 1

    async with asyncio.TaskGroup() as asking:
        start = now()
        for tick in range(round(FLOOD_S / TICK_S)):
            await asyncio.sleep(start + tick * TICK_S - now())
            for _ in range(PER_TICK):
                asking.create_task(forged())
            asking.create_task(_awaited(genuine(tick * TICK_S)))
    return answers


async def _awaited(awaitable: Awaitable[None]) -> None:
    await awaitable


def fetched_at(authority: Authority) -> list[float]:
    """Seconds from the first fetch that the flood caused."""
    return [at - authority.asked_at[1] for at in authority.asked_at[1:]]


@on_virtual_time
async def test_a_rotation_in_a_flood_of_forged_keys_refuses_nobody_and_is_learnt_within_the_cool_down() -> None:
    authority = Authority("known")
    authority.takes_s = 0.25
    rotated_s = 45.0
    of_known: Counter[Answer] = Counter()
    of_new: list[tuple[float, Answer]] = []
    async with loaded(authority) as keys:

        async def genuine(elapsed_s: float) -> None:
            of_known[await ask(keys, "known")] += 1
            if elapsed_s >= rotated_s:
                if "new" not in authority.kids:
                    authority.kids.append("new")
                of_new.append((elapsed_s, await ask(keys, "new")))

        answers = await flood(keys, genuine)
        expected = [COOL_DOWN_S * number for number in range(round(FLOOD_S / COOL_DOWN_S))]
        assert fetched_at(authority) == pytest.approx(expected, abs=0.3)
        assert answers.total() == 1000 * FLOOD_S
        assert answers["found"] == 0
        assert answers["refused"] <= len(expected) * MAX_WAITING
        assert len(keys._unknown) <= MAX_UNKNOWN
    assert of_known == {"found": FLOOD_S / TICK_S}
    accepted_s = min(elapsed_s for elapsed_s, answer in of_new if answer == "found")
    assert rotated_s < accepted_s <= rotated_s + COOL_DOWN_S
    assert {answer for elapsed_s, answer in of_new if elapsed_s < accepted_s} == {"undecided"}
    assert {answer for elapsed_s, answer in of_new if elapsed_s > accepted_s + authority.takes_s} == {"found"}
    assert "refused" not in {answer for _, answer in of_new}
    assert authority.told == [True] * (1 + len(expected))


@on_virtual_time
async def test_a_flood_of_forged_keys_while_the_authority_is_away_refuses_nobody() -> None:
    authority = Authority("known")
    authority.takes_s = 0.25
    of_known: Counter[Answer] = Counter()
    async with loaded(authority) as keys:
        authority.away = True

        async def genuine(_elapsed_s: float) -> None:
            of_known[await ask(keys, "known")] += 1

        answers = await flood(keys, genuine)
        # After failures it asks again by itself, sooner than the flood may make it ask; later the flood does.
        by_itself, by_the_flood = [0, 1.25, 3.5], [8.75 + COOL_DOWN_S * number for number in range(14)]
        assert fetched_at(authority) == pytest.approx([*by_itself, *by_the_flood], abs=0.3)
        assert answers == {"undecided": 1000 * FLOOD_S}
        assert keys._unknown == {}
    assert of_known == {"found": FLOOD_S / TICK_S}


@on_virtual_time
async def test_a_flood_that_names_one_forged_key_causes_one_fetch() -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        for _ in range(1000):
            assert await ask(keys, "forged") == "refused"
            await asyncio.sleep(0.1)
    assert len(authority.asked_at) == 2


# --- documents --------------------------------------------------------------------------------------------------------


def curve_key() -> dict[str, Any]:
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "kid": "curve", "use": "sig", "x": b64(numbers.x), "y": b64(numbers.y)}


UNUSABLE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "not JSON": lambda: b"<html>503</html>",
    "half a document": lambda: document(jwk())[:-5],
    "two documents": lambda: document(jwk()) * 2,
    "JSON with NaN": lambda: document(jwk(), x=float("nan")),
    "another encoding": lambda: document(jwk()).decode().encode("utf-16"),
    "a byte order mark": lambda: b"\xef\xbb\xbf" + document(jwk()),
    "deep nesting": lambda: b'{"keys":' + b"[" * 100_000,
    "too large": lambda: document(jwk()).ljust(MAX_KEY_SET_BYTES + 1),
    "too many keys": lambda: document(*(jwk(f"key {n}") for n in range(MAX_KEYS + 1))),
    "a list": lambda: json.dumps([jwk()]).encode(),
    "null": lambda: b"null",
    "no keys": lambda: b"{}",
    "keys null": lambda: b'{"keys":null}',
    "keys an object": lambda: json.dumps({"keys": {"known": jwk()}}).encode(),
    "keys empty": document,
    "keys no objects": lambda: document(1, None, "key", [jwk()]),
    "RSA of 1024 bits": lambda: document(jwk(bits=1024)),
    "a private key": lambda: document(jwk(d=b64(private_key().private_numbers().d))),
    "a private key in name": lambda: document(jwk(d=None)),
    "an EC key": lambda: document(curve_key()),
    "an EC key that says RSA": lambda: document({**curve_key(), "kty": "RSA"}),
    "an HMAC key": lambda: document({"kty": "oct", "kid": "known", "k": "AAAA", "alg": "HS256"}),
    "an HMAC key beside the RSA numbers": lambda: document(jwk(kty="oct", k="AAAA")),
    "for encryption": lambda: document(jwk(use="enc")),
    "use null": lambda: document(jwk(use=None)),
    "for RS512": lambda: document(jwk(alg="RS512")),
    "for HS256": lambda: document(jwk(alg="HS256")),
    "alg null": lambda: document(jwk(alg=None)),
    "no kid": lambda: document({name: value for name, value in jwk().items() if name != "kid"}),
    "kid a number": lambda: document(jwk(7)),
    "kid null": lambda: document(jwk(None)),
    "kid empty": lambda: document(jwk("")),
    "kid too long": lambda: document(jwk("k" * 129)),
    "n missing": lambda: document({name: value for name, value in jwk().items() if name != "n"}),
    "n no text": lambda: document(jwk(n=[1])),
    "n no base64": lambda: document(jwk(n="\u00e9")),
    "n empty": lambda: document(jwk(n="")),
    "e missing": lambda: document({name: value for name, value in jwk().items() if name != "e"}),
    "e null": lambda: document(jwk(e=None)),
    "e of 1, under which everything is its own signature": lambda: document(jwk(e="AQ")),
    "e even": lambda: document(jwk(e="Ag")),
    "e larger than n": lambda: document(jwk(e=b64(1 << 3000 | 1))),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_document_gives_no_keys(name: str) -> None:
    with pytest.raises(KeysUnusable):
        parse_keys(UNUSABLE[name]())


@pytest.mark.parametrize("name", UNUSABLE)
@on_virtual_time
async def test_an_unusable_document_leaves_the_old_keys(name: str) -> None:
    authority = Authority("known")
    async with loaded(authority) as keys:
        authority.document = UNUSABLE[name]()
        assert await ask(keys, "new") == "undecided"
        assert await ask(keys, "known") == "found"
        assert authority.told == [True, False]
        authority.document = document(jwk("new"))
        await asyncio.sleep(2.0)
        assert await ask(keys, "new") == "found"


def test_unusable_keys_are_passed_over_and_the_others_taken() -> None:
    mixed = document(
        jwk("a"), jwk("small", 1024), curve_key(), jwk("e", use="enc"), None, {}, jwk("b"), jwk("c", alg="PS256")
    )
    assert set(parse_keys(mixed)) == {"a", "b"}


def test_the_largest_documents_are_taken() -> None:
    assert len(parse_keys(document(*(jwk(f"key {n}") for n in range(MAX_KEYS))))) == MAX_KEYS
    assert set(parse_keys(document(jwk()).ljust(MAX_KEY_SET_BYTES))) == {"known"}
    assert set(parse_keys(document(jwk("k" * 128)))) == {"k" * 128}


def test_use_and_alg_may_be_left_out_as_entra_does() -> None:
    bare = {name: value for name, value in jwk().items() if name not in {"use", "alg"}}
    assert set(parse_keys(document({**bare, "x5t": "x", "x5c": ["MIIB"], "issuer": "https://x"}))) == {"known"}


def test_of_two_keys_of_the_same_id_the_last_usable_one_counts() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key().public_numbers()
    twice = parse_keys(document(jwk(), jwk(n=b64(other.n)), jwk(use="enc"), jwk(bits=1024)))
    assert [key.public_numbers().n for key in twice.values()] == [other.n]


def test_what_is_printed_of_a_key_set_says_how_many_keys_and_not_which() -> None:
    assert repr(Authority("known").key_set()) == "<KeySet twin 0 keys>"
