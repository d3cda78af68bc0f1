"""Kinds of values the configuration is made of, each with its check.

No check repeats the value it refuses: a secret in the wrong place must not come out in an error message.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo

DIRECTORY = "directory"
"""Validation context: the folder that relative paths start from, the one the file lies in."""
PTU_TABLE = "ptu_table"
"""Validation context: the table with the operator's rows in it; None: it can not be used, which has been said."""


class Section(BaseModel):
    """A part of the configuration: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        validate_default=True,
    )


def is_loopback(host: str | None) -> bool:
    """Whether `host` is this machine: 127.0.0.0/8, ::1 or localhost, by its spelling alone."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # read here because reading it is what checks it
    except ValueError:
        raise ValueError("is not a URL") from None
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("is not a URL: it contains blanks or other characters that need escaping")
    if not parts.scheme or not parts.hostname:
        raise ValueError("is not a URL: write it in full, such as https://example.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has credentials in it, which get logged; use key_file")
    if parts.query or parts.fragment:
        raise ValueError("must not have a query or a fragment")
    return parts


def _checked(value: str, secure: str, plain: str) -> SplitResult:
    parts = _split(value)
    if parts.scheme == secure or (parts.scheme == plain and is_loopback(parts.hostname)):
        return parts
    if parts.scheme == plain:
        raise ValueError(f"must start with {secure}://; {plain}:// is accepted for loopback addresses only")
    raise ValueError(f"must start with {secure}://")


def _url(value: str) -> str:
    _checked(value, "https", "http")
    return value.rstrip("/")


def _fetched_url(value: str) -> str:
    if _split(value).scheme != "https":
        raise ValueError("must start with https://, also for this machine: the service fetches it, not the gateway")
    return value


def _origin(value: str) -> str:
    if _checked(value, "https", "http").path not in ("", "/"):
        raise ValueError("must be the address of a host alone, without a path: requests are signed for that host")
    return value.rstrip("/")


def _voice_live_url(value: str) -> str:
    if value.startswith(("ws:", "wss:")):
        _checked(value, "wss", "ws")
        value = "http" + value.removeprefix("ws")
    return _url(value)


def _path(value: Path, info: ValidationInfo) -> Path:
    directory = Path((info.context or {}).get(DIRECTORY, "."))
    return directory / value.expanduser()


def tag_of(value: Any, *, text: str, other: str) -> str:
    """The discriminator of a field that is either one fixed word or something larger."""
    return text if isinstance(value, str) else other


HttpUrl: TypeAlias = Annotated[str, AfterValidator(_url)]
"""https, or http on loopback; without a trailing slash."""
FetchedUrl: TypeAlias = Annotated[str, AfterValidator(_fetched_url)]
"""What the service fetches: https and nothing else. No query: a signature in it would be a secret in this file."""
Origin: TypeAlias = Annotated[str, AfterValidator(_origin)]
VoiceLiveUrl: TypeAlias = Annotated[str, AfterValidator(_voice_live_url)]
"""As HttpUrl; wss and ws are understood as https and http."""
ConfigPath: TypeAlias = Annotated[Path, AfterValidator(_path)]
"""A path; relative ones start from the folder of the configuration file."""
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""What other sections refer to; becomes a metric label and part of a ticket, hence short and plain."""
Text: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
PhoneNumber: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
"""E.164 with its plus sign."""
Language: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
"""BCP 47."""
Port: TypeAlias = Annotated[int, Field(ge=0, le=65535)]
Milliseconds: TypeAlias = Annotated[int, Field(ge=0, le=60_000)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=300)]
