"""Signed tokens: what Azure Communication Services and Event Grid say who they are with.

One RSA key signs both kinds of token here, and one endpoint publishes it; in life they are two authorities.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ACS_ISSUER = "https://acscallautomation.communication.azure.com"
CALLBACK_TOKEN_S = 300.0
"""Documented lifetime of a callback's token: five minutes, a fresh one for every event."""
MEDIA_TOKEN_S = 86400.0
"""Documented lifetime of a media socket's token: a day."""
EVENT_GRID_APP = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
"""Application id of Event Grid in the public cloud."""
ENTRA_TOKEN_S = 3600.0


class SigningKeys:
    """RS256 keys with their public half as a JWKS document; `rotate` adds one and signs with it from then on.

    Args:
        wall: seconds since the epoch; tokens are judged by wall clocks.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._keys: list[tuple[str, rsa.RSAPrivateKey]] = []
        self.rotate()

    def rotate(self) -> None:
        """Sign with a new key; tokens of the old ones stay valid."""
        self._keys.append((secrets.token_hex(8), rsa.generate_private_key(public_exponent=65537, key_size=2048)))

    def acs_token(self, issuer: str, audience: str, lifetime_s: float) -> str:
        """As the service signs its callbacks and media sockets."""
        return self.sign({"iss": issuer, "aud": audience}, lifetime_s)

    def event_grid_token(self, tenant: str, audience: str) -> str:
        """As Entra ID issues it to Event Grid for a webhook under Entra protection (version 1 token)."""
        claims = {
            "iss": f"https://sts.windows.net/{tenant}/",
            "aud": audience,
            "tid": tenant,
            "appid": EVENT_GRID_APP,
            "ver": "1.0",
        }
        return self.sign(claims, ENTRA_TOKEN_S)

    def sign(self, claims: Mapping[str, Any], lifetime_s: float) -> str:
        """A token of these claims, valid from now on; a negative lifetime makes an expired one."""
        kid, key = self._keys[-1]
        now = int(self._wall())
        times = {"iat": now, "nbf": now, "exp": int(now + lifetime_s)}
        return jwt.encode({**claims, **times}, key, algorithm="RS256", headers={"kid": kid})

    def jwks(self) -> dict[str, Any]:
        """The public keys as RFC 7517 has them."""
        return {"keys": [_public(kid, key) for kid, key in self._keys]}


def _public(kid: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": _base64url(numbers.n),
        "e": _base64url(numbers.e),
    }


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")
