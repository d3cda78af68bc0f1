"""The two kinds of proof a request may bring: a token of an authority we trust, or a secret we share."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.auth.errors import Fault, Refused
from gateway.auth.keys import KeySet
from gateway.auth.tokens import Claims, TokenRules, judge, read_bearer

ID_DIGITS = 8
"""Of the hash of a secret that nobody guesses: enough to tell keys apart, and nothing to find one by."""


class TokenVerifier:
    """Tokens of one authority, for one purpose."""

    def __init__(self, keys: KeySet, rules: TokenRules, wall_clock: Callable[[], float]) -> None:
        self._keys = keys
        self._rules = rules
        self._wall_clock = wall_clock

    async def verify(self, authorization: Sequence[str]) -> Claims:
        """The claims of the token in a request's Authorization headers.

        Raises:
            Refused: it is not genuine, or not for us.
            Undecided: its key can not be had now.
        """
        bearer = read_bearer(authorization)
        key = await self._keys.find(bearer.key_id)
        return judge(bearer, key, self._rules, self._wall_clock())


class Secrets(Protocol):
    """Where shared secrets come from."""

    def current(self) -> Sequence[bytes]:
        """Those that are valid now: one, or two during a rotation."""


class SecretVerifier:
    """A secret in a header."""

    def __init__(self, header: str, secrets: Secrets) -> None:
        self.header = header
        self._secrets = secrets

    def verify(self, values: Sequence[str]) -> str:
        """Takes the same time whether the first, the second or no secret matches, and whatever their length.

        Returns:
            The id of the secret that was sent, for logs: the first 8 hex digits of its SHA-256.

        Raises:
            Refused: none of the secrets was sent.
        """
        if not values:
            raise Refused(Fault.MISSING)
        if len(values) > 1:
            raise Refused(Fault.MALFORMED)
        sent = hashlib.sha256(values[0].encode("utf-8", "surrogatepass")).digest()
        matches = [hmac.compare_digest(sent, hashlib.sha256(secret).digest()) for secret in self._secrets.current()]
        if not any(matches):
            raise Refused(Fault.SECRET)
        return sent.hex()[:ID_DIGITS]
