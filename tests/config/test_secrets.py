"""Secrets come from files, and come out nowhere."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import ConfigError, parse
from gateway.config.secrets import check_key_files, inline_secrets, read_base64_key, read_key, read_ticket_key

Changed = Callable[..., dict[str, Any]]
BASE64_KEY = base64.b64encode(b"not a real key, but as long as one of a communication resource...").decode()
HEX_KEY = "0123456789abcdef0123456789ABCDEF"
HINT = "write the key into a file of its own and name that in key_file"


@pytest.mark.parametrize(
    "secret",
    [
        HEX_KEY,
        BASE64_KEY,
        f"endpoint=https://a.example.com/;accesskey={BASE64_KEY}",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        f"  {BASE64_KEY}\n",
    ],
)
@pytest.mark.parametrize(
    "way", [("resources", 0, "key_file"), ("server", "ticket_key_file"), ("agents", 0, "greeting")]
)
def test_a_secret_in_the_file_is_an_error_that_does_not_repeat_it(
    changed: Changed, way: tuple[str | int, ...], secret: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed(*way, secret))

    assert HINT in str(caught.value)
    assert secret.strip() not in str(caught.value)


@pytest.mark.parametrize("field", ["key", "api_key", "access_key", "connection_string", "client_secret", "token"])
def test_a_field_for_a_secret_is_an_error_that_does_not_repeat_it(changed: Changed, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed("resources", 0, field, "hunter2"))

    assert f"resources[0].{field}: unknown field" in str(caught.value)
    assert HINT in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "/run/secrets/kubernetes/io/serviceaccount/Token1/abcdefghijklmnop",
        "keys/acs.key",
        "11111111-1111-1111-1111-111111111111",
        "Hello, you have reached Northwind Support. How can I help you?",
        "en-US-Ava:DragonHDLatestNeural",
    ],
)
def test_ordinary_values_are_no_secrets(text: str) -> None:
    assert list(inline_secrets({"a": [text]})) == []


def test_keys_are_read_without_the_blanks_around_them(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"  {BASE64_KEY}\r\n\n")

    assert read_key(file) == read_base64_key(file) == BASE64_KEY
    assert read_ticket_key(file) == BASE64_KEY.encode()


@pytest.mark.parametrize(
    ("read", "content", "reason"),
    [
        (read_key, b"", "is empty"),
        (read_key, b" \n", "is empty"),
        (read_key, b"two words", "holds something else than one line with a key"),
        (read_key, b"one\ntwo", "holds something else than one line with a key"),
        (read_key, b"\xffkey", "holds something else than one line with a key"),
        (read_key, b"k" * 9000, "holds more than 8192 bytes, so it is no key"),
        (read_base64_key, b"not_base64!", "holds something else than a base64 key"),
        (read_ticket_key, b"k" * 31, "holds 31 bytes; at least 32 are needed"),
    ],
)
def test_a_file_without_a_key_is_refused_by_path_and_reason(
    tmp_path: Path, read: Callable[[Path], object], content: bytes, reason: str
) -> None:
    file = tmp_path / "some.key"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as caught:
        read(file)

    assert str(caught.value) == f"{file} {reason}"


def test_a_ticket_key_may_be_any_bytes(tmp_path: Path) -> None:
    file = tmp_path / "ticket.key"
    file.write_bytes(b"\x00\xff" * 16)

    assert len(read_ticket_key(file)) == 32


@given(content=st.binary(max_size=100))
def test_no_content_ever_comes_out_in_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    marked = b"S3CR3T" + content + secrets.token_bytes(2)
    file = tmp_path_factory.mktemp("keys") / "key"
    file.write_bytes(marked)
    for read in (read_key, read_base64_key, read_ticket_key):
        try:
            read(file)
        except ValueError as error:
            assert "S3CR3T" not in repr(error)  # noqa: PT017 - either outcome is right; only the message matters


def test_all_key_files_are_checked_at_once(changed: Changed, tmp_path: Path) -> None:
    raw = changed("server", "ticket_key_file", "ticket.key")
    raw["acs"]["resources"][0]["key_file"] = "acs.key"
    raw["resources"][0]["key_file"] = "voice.key"
    (tmp_path / "ticket.key").write_text("short")
    (tmp_path / "acs.key").write_text("?")
    config = parse(raw, tmp_path)

    with pytest.raises(ConfigError) as caught:
        check_key_files(config)
    assert [str(problem) for problem in caught.value.problems] == [
        f"server.ticket_key_file: {tmp_path / 'ticket.key'} holds 5 bytes; at least 32 are needed",
        f"acs.resources[0].key_file: {tmp_path / 'acs.key'} holds something else than a base64 key",
        f"resources[0].key_file: {tmp_path / 'voice.key'} can not be read: No such file or directory",
    ]

    for name in ("ticket.key", "acs.key", "voice.key"):
        (tmp_path / name).write_text(BASE64_KEY)
    check_key_files(config)


def test_secrets_of_hooks_are_key_files_too(changed: Changed, tmp_path: Path) -> None:
    hook = {"url": "https://hooks.example.com", "secret_file": "hook.key"}
    raw = changed("lines", 1, "handover_report", hook)
    raw["lines"][1] |= {"digits": {"hook": hook}, "moderation": {"hook": hook}}
    raw["lines"][0] |= {"digits": {"hook": {"url": "https://hooks.example.com"}}}
    config = parse(raw, tmp_path)

    with pytest.raises(ConfigError) as caught:
        check_key_files(config)
    missing = f"{tmp_path / 'hook.key'} can not be read: No such file or directory"
    assert [str(problem) for problem in caught.value.problems] == [
        f"lines[1].handover_report.secret_file: {missing}",
        f"lines[1].digits.hook.secret_file: {missing}",
        f"lines[1].moderation.hook.secret_file: {missing}",
    ]

    (tmp_path / "hook.key").write_text("any-one-word")
    check_key_files(config)
