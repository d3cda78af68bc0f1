"""Tokens are what an independent library takes for genuine."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from gateway.simulator.phone.keys import ACS_ISSUER, CALLBACK_TOKEN_S, EVENT_GRID_APP, SigningKeys


def verified(keys: SigningKeys, token: str, **expected: Any) -> dict[str, Any]:
    key = jwt.PyJWKSet.from_dict(keys.jwks())[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], **expected)
    return claims


def test_callback_token() -> None:
    keys = SigningKeys()
    claims = verified(keys, keys.acs_token(ACS_ISSUER, "aud-1", CALLBACK_TOKEN_S), audience="aud-1", issuer=ACS_ISSUER)
    assert claims["exp"] - claims["nbf"] == 300


def test_event_grid_token() -> None:
    keys = SigningKeys()
    claims = verified(keys, keys.event_grid_token("t-1", "app"), audience="app", issuer="https://sts.windows.net/t-1/")
    assert claims["appid"] == EVENT_GRID_APP


def test_old_key_stays_published_after_a_rotation() -> None:
    keys = SigningKeys()
    before = keys.sign({"aud": "a"}, 60)
    keys.rotate()
    after = keys.sign({"aud": "a"}, 60)
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    assert verified(keys, before, audience="a")["aud"] == verified(keys, after, audience="a")["aud"]


def test_expired_token_can_be_made() -> None:
    keys = SigningKeys()
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(keys, keys.sign({"aud": "a"}, -60), audience="a")


def test_token_of_another_network_is_refused() -> None:
    stranger = SigningKeys().sign({"aud": "a"}, 60)
    with pytest.raises(KeyError):
        verified(SigningKeys(), stranger, audience="a")
