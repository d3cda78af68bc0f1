"""JSON Web Tokens, judged: RS256 only, by keys we fetched ourselves, with every claim we rely on present and exact.

PyJWT checks signature, issuer and audience; times and sizes are judged here, because it takes tokens of any age and
length, and reads the wall clock itself.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.auth.errors import Fault, Refused
from gateway.bounds import LEEWAY_S, MAX_AUTHORIZATION_BYTES, MAX_JOSE_HEADER_BYTES, MAX_KEY_ID_CHARACTERS

ALGORITHM = "RS256"
REQUIRED = ("exp", "iat", "aud", "iss")

_BEARER = re.compile(r"Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
_KEY_ID = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_ID_CHARACTERS}}}")
_decoder = jwt.PyJWT(options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "strict_aud": True})

Claims: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say to be let in."""

    issuers: frozenset[str]
    audience: str
    lifetime_s: float
    """the longest time between `iat` and `exp`"""
    claims: tuple[tuple[tuple[str, ...], str], ...] = ()
    """further claims: the token has at least one of these names, and what it has of them is this value"""
    role: str | None = None
    """must be among `roles`"""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that has the form of one, and says which key it was signed with. Nothing of it is proved."""

    token: str = field(repr=False)
    key_id: str


def read_bearer(authorization: Sequence[str]) -> Bearer:
    """The token of a request's Authorization headers.

    Raises:
        Refused: there is none, or it can be told without a key that it is not ours.
    """
    if not authorization:
        raise Refused(Fault.MISSING)
    if len(authorization) > 1:
        raise Refused(Fault.MALFORMED)
    if len(authorization[0]) > MAX_AUTHORIZATION_BYTES:
        raise Refused(Fault.OVERSIZE)
    match = _BEARER.fullmatch(authorization[0])
    if match is None:
        raise Refused(Fault.MALFORMED)
    return Bearer(match[1], _key_id(match[1].partition(".")[0]))


def judge(bearer: Bearer, key: RSAPublicKey, rules: TokenRules, wall_now: float) -> Claims:
    """The claims of a genuine token.

    Args:
        bearer: the token.
        key: the one it names.
        rules: what it must say.
        wall_now: seconds since the epoch.

    Raises:
        Refused: it is not genuine, not for us, or not for now.
    """
    try:
        claims: Claims = _decoder.decode(
            bearer.token,
            key,
            algorithms=[ALGORITHM],
            audience=rules.audience,
            issuer=sorted(rules.issuers),
            options={"require": list(REQUIRED)},
        )
    except jwt.InvalidAudienceError:
        raise Refused(Fault.AUDIENCE) from None
    except jwt.InvalidIssuerError:
        raise Refused(Fault.ISSUER) from None
    except jwt.InvalidSignatureError:
        raise Refused(Fault.SIGNATURE) from None
    except jwt.InvalidAlgorithmError:
        raise Refused(Fault.ALGORITHM) from None
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        raise Refused(Fault.MALFORMED) from None  # PyJWT's texts repeat what the token says
    _judge_times(claims, rules.lifetime_s, wall_now)
    _judge_claims(claims, rules)
    return claims


def _key_id(header: str) -> str:
    """The `kid` of a JOSE header; where a token says its key could be found is never looked at."""
    if len(header) > MAX_JOSE_HEADER_BYTES * 4 // 3 + 1:
        raise Refused(Fault.OVERSIZE)
    try:
        fields = orjson.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except ValueError:
        raise Refused(Fault.MALFORMED) from None
    if not isinstance(fields, dict) or "crit" in fields:
        raise Refused(Fault.MALFORMED)
    if fields.get("alg") != ALGORITHM:
        raise Refused(Fault.ALGORITHM)
    key_id = fields.get("kid")
    if not isinstance(key_id, str) or _KEY_ID.fullmatch(key_id) is None:
        raise Refused(Fault.MALFORMED)
    return key_id


def _judge_times(claims: Claims, lifetime_s: float, wall_now: float) -> None:
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    begins = _moment(claims, "nbf") if "nbf" in claims else issued
    if expires + LEEWAY_S <= wall_now:
        raise Refused(Fault.EXPIRED)
    if max(issued, begins) > wall_now + LEEWAY_S:
        raise Refused(Fault.NOT_YET)
    if not 0 < expires - issued <= lifetime_s:
        raise Refused(Fault.LIFETIME)


def _moment(claims: Claims, name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(Fault.MALFORMED)
    try:
        moment = float(value)
    except OverflowError:
        raise Refused(Fault.MALFORMED) from None
    if not math.isfinite(moment):
        raise Refused(Fault.MALFORMED)
    return moment


def _judge_claims(claims: Claims, rules: TokenRules) -> None:
    for names, wanted in rules.claims:
        values = [claims[name] for name in names if name in claims]
        if not values or not all(isinstance(value, str) and value.lower() == wanted.lower() for value in values):
            raise Refused(Fault.CLAIM)
    if rules.role is not None:
        roles = claims.get("roles")
        if not isinstance(roles, list) or rules.role not in roles:
            raise Refused(Fault.CLAIM)
