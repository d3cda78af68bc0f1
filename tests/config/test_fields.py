"""Addresses: encrypted, except on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import ConfigError, parse
from gateway.config.fields import is_loopback

Changed = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", [None, "", "localhost.example.com", "127.0.0.1.example.com", "0x7f000001", "127.1", "10.0.0.1", "::"]
)
def test_other_addresses_whatever_they_look_like(host: str | None) -> None:
    assert not is_loopback(host)


@given(host=st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_the_whole_of_127_is_loopback(host: object) -> None:
    assert is_loopback(str(host))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://voice.example.com", "https://voice.example.com"),
        ("https://voice.example.com/phone/", "https://voice.example.com/phone"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_accepted_public_urls(changed: Changed, url: str, kept: str) -> None:
    assert parse(changed("server", "public_url", url)).server.public_url == kept


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://voice.example.com", "must start with https://; http:// is accepted for loopback addresses only"),
        ("http://0x7f000001/", "must start with https://; http:// is accepted for loopback addresses only"),
        ("ftp://voice.example.com", "must start with https://"),
        ("voice.example.com", "is not a URL: write it in full, such as https://example.com"),
        ("https://", "is not a URL: write it in full, such as https://example.com"),
        ("https://user:word@example.com", "has credentials in it, which get logged; use key_file"),
        ("https://example.com/?a=b", "must not have a query or a fragment"),
        ("https://example.com:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://exam ple.com", "is not a URL: it contains blanks or other characters that need escaping"),
        ("https://example.com/\r\nX: y", "is not a URL: it contains blanks or other characters that need escaping"),
        ("https://exämple.com", "is not a URL: it contains blanks or other characters that need escaping"),
    ],
)
def test_refused_public_urls(changed: Changed, url: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed("server", "public_url", url))

    assert [str(problem) for problem in caught.value.problems] == [f"server.public_url: {reason}"]


@pytest.mark.parametrize(
    ("way", "url"),
    [
        (("acs", "keys_url"), "http://example.com/keys"),
        (("acs", "resources", 0, "endpoint"), "http://example.com"),
        (("acs", "resources", 0, "endpoint"), "https://example.com/path"),
        (("resources", 0, "endpoint"), "http://example.com"),
        (("resources", 0, "endpoint"), "ws://example.com"),
    ],
)
def test_no_endpoint_may_be_in_the_clear(changed: Changed, way: tuple[Any, ...], url: str) -> None:
    with pytest.raises(ConfigError):
        parse(changed(*way, url))


@pytest.mark.parametrize(
    ("url", "kept"),
    [("wss://x.example.com", "https://x.example.com"), ("ws://127.0.0.1:1/", "http://127.0.0.1:1")],
)
def test_voice_live_may_be_spelled_as_a_web_socket(changed: Changed, url: str, kept: str) -> None:
    assert parse(changed("resources", 0, "endpoint", url)).resource("foundry").endpoint == kept


def test_the_media_address_follows_the_public_one(changed: Changed) -> None:
    assert parse(changed()).server.media_url == "wss://voice.example.com"
    assert parse(changed("server", "public_url", "http://[::1]:80")).server.media_url == "ws://[::1]:80"
