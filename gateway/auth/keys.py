"""The public keys of who signs tokens, kept fresh without ever being in the way of a call.

One task fetches, one fetch at a time: before the keys grow old, when a token names a key that is not known, and again
after a failure. Old keys serve on for a day while the service that publishes them is away. A stranger who names keys
that do not exist causes one fetch in eight seconds, whatever the number of requests.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import jwt
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.auth.errors import Fault, Refused, Undecided
from gateway.auth.tokens import ALGORITHM
from gateway.bounds import MAX_KEY_ID_CHARACTERS, MAX_KEY_SET_BYTES, MAX_KEYS, MIN_RSA_BITS
from gateway.errors import GatewayError

FRESH_S = 3600.0
REFRESH_S = 0.8 * FRESH_S
STALE_S = 24 * 3600.0
"""How long old keys serve while no new ones come; a key that was stolen meanwhile is revoked by configuration."""
COOL_DOWN_S = 8.0
"""Between two fetches that an unknown key causes. An event that could not be decided comes again after 10 s, and the
phone rings for 30: with a longer one, a rotation in the middle of a flood of forged tokens would cost a call."""
RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""After fetches that failed in a row; the last one stays."""
DECIDE_S = 4.0
"""How long a request waits for a fetch; the fetch itself has a deadline of 3 s."""
MAX_WAITING = 64
"""Requests that wait for a fetch; more than that are undecided at once."""
MAX_UNKNOWN = 128
UNKNOWN_S = 300.0
"""Keys that a fetch did not bring are remembered, so many and so long."""

log = structlog.get_logger()


class KeySetObserver(Protocol):
    """Told about every fetch."""

    def keys_fetched(self, name: str, *, ok: bool) -> None: ...


class KeySet:
    """Keys by their id. `run` must run; `ready` is set when keys have been loaded once."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Awaitable[bytes]],
        clock: Callable[[], float],
        observer: KeySetObserver,
        revoked: frozenset[str] = frozenset(),
    ) -> None:
        """`name`: of the authority, for metrics and logs. `fetch`: the key document; raises GatewayError."""
        self.name = name
        self._fetch = fetch
        self._clock = clock
        self._observer = observer
        self._revoked = revoked
        self._keys: dict[str, RSAPublicKey] = {}
        self._loaded_at: float | None = None
        self._began_at: float | None = None
        """when the last fetch began"""
        self._failures = 0
        self._unknown: OrderedDict[str, float] = OrderedDict()
        """keys that do not exist, and until when that is believed"""
        self._waiting: list[asyncio.Future[None]] = []
        """requests that the next fetch decides"""
        self._wanted = asyncio.Event()
        self.ready = asyncio.Event()

    def __repr__(self) -> str:
        return f"<KeySet {self.name} {len(self._keys)} keys>"

    def age_s(self) -> float | None:
        """Since the keys were loaded; None: never."""
        return None if self._loaded_at is None else self._clock() - self._loaded_at

    async def find(self, key_id: str) -> RSAPublicKey:
        """The key of this id.

        Raises:
            Refused: there is no such key.
            Undecided: there may be one, and it can not be found out now.
        """
        if key_id in self._revoked:
            raise Refused(Fault.KEY_UNKNOWN)
        key = self._usable(key_id)
        if key is not None:
            return key
        now = self._clock()
        if self._unknown.get(key_id, now) > now:
            raise Refused(Fault.KEY_UNKNOWN)
        if self._began_at is not None and now - self._began_at < COOL_DOWN_S:
            raise Undecided("the keys were asked for just now")
        await self._next_fetch()
        key = self._usable(key_id)
        if key is not None:
            return key
        if self._loaded_at is None or self._loaded_at < now:
            raise Undecided("the keys can not be fetched")
        self._remember_unknown(key_id)
        raise Refused(Fault.KEY_UNKNOWN)

    async def run(self) -> None:
        """Keep the keys fresh, until cancelled."""
        while True:
            await self._load()
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    def _usable(self, key_id: str) -> RSAPublicKey | None:
        age_s = self.age_s()
        return None if age_s is None or age_s > STALE_S else self._keys.get(key_id)

    async def _next_fetch(self) -> None:
        if len(self._waiting) >= MAX_WAITING:
            raise Undecided("too many are waiting for the keys")
        decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(decided)
        self._wanted.set()
        try:
            async with asyncio.timeout(DECIDE_S):
                await decided
        except TimeoutError:
            raise Undecided("the keys did not come in time") from None
        finally:
            if decided in self._waiting:
                self._waiting.remove(decided)

    async def _load(self) -> None:
        self._wanted.clear()
        waiting, self._waiting = self._waiting, []
        self._began_at = self._clock()
        try:
            keys = parse_keys(await self._fetch())
        except GatewayError as error:
            self._failed(str(error))
        except Exception:  # the edge of the task: without it one surprise would be the last fetch of this process
            log.exception("keys.fetch_broken", keys=self.name)
            self._failed("broken")
        else:
            self._failures = 0
            self._keys, self._loaded_at = keys, self._clock()
            self._observer.keys_fetched(self.name, ok=True)
            for key_id in keys.keys() & self._unknown.keys():
                del self._unknown[key_id]
            self.ready.set()
        finally:
            for decided in waiting:
                if not decided.done():
                    decided.set_result(None)

    def _failed(self, cause: str) -> None:
        self._failures += 1
        self._observer.keys_fetched(self.name, ok=False)
        log.warning("keys.fetch_failed", keys=self.name, cause=cause, age_s=self.age_s())

    def _pause_s(self) -> float:
        if not self._failures:
            return REFRESH_S
        return RETRY_S[min(self._failures, len(RETRY_S)) - 1]

    def _remember_unknown(self, key_id: str) -> None:
        self._unknown[key_id] = self._clock() + UNKNOWN_S
        self._unknown.move_to_end(key_id)
        while len(self._unknown) > MAX_UNKNOWN:
            self._unknown.popitem(last=False)


class KeysUnusable(GatewayError):  # noqa: N818 - named for what happened
    """A key document from which no key could be taken; the text names the reason."""


def parse_keys(document: bytes) -> dict[str, RSAPublicKey]:
    """The RS256 keys of a JSON Web Key Set (RFC 7517) by id; keys of other kinds are passed over.

    Raises:
        KeysUnusable: it is no key set, larger than such sets are, or holds no usable key.
    """
    if len(document) > MAX_KEY_SET_BYTES:
        raise KeysUnusable("the key document is too large")
    try:
        key_set = orjson.loads(document)
    except ValueError:
        raise KeysUnusable("the key document is no JSON") from None
    entries = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise KeysUnusable("the key document is no key set")
    keys = {}
    for entry in entries:
        key = _rsa_key(entry) if isinstance(entry, dict) else None
        if key is not None:
            keys[str(entry["kid"])] = key
    if not keys:
        raise KeysUnusable("the key document holds no RSA key of use")
    return keys


def _rsa_key(entry: Mapping[str, Any]) -> RSAPublicKey | None:
    key_id = entry.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS:
        return None
    if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or entry.get("alg", ALGORITHM) != ALGORITHM:
        return None
    if "d" in entry:
        return None  # a private key: whoever publishes that is not to be believed
    try:
        key = jwt.PyJWK(dict(entry), ALGORITHM).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS else None
