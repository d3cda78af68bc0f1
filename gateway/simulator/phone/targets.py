"""Who a call can be sent to, as the service takes it: identifiers of targets, and the headers that travel along."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.simulator.phone.shapes import ApiError, Json, bad_request

_ID_FIELD = {"phoneNumber": "value", "communicationUser": "id", "microsoftTeamsUser": "userId"}
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_NUMBER_PREFIXES = ("+", "4:")

_SIP_PREFIX = "X-MS-Custom-"
_USER_TO_USER = "User-To-User"
_SIP_HEADERS, _SIP_VALUE = 5, 256
_VOIP_HEADERS, _VOIP_VALUE = 1000, 1024
_HEADER_KEY = 64
"""Microsoft Learn, "Pass contextual data between calls": characters, and how many headers there may be."""


@dataclass(frozen=True, slots=True)
class Target:
    kind: str
    """phoneNumber, communicationUser or microsoftTeamsUser"""
    id: str
    """the number (+1...), the user's id (8:acs:...) or the Teams user's id"""


def parse_target(raw: Any, field: str) -> Target:
    """The one target of a transfer or a redirect.

    Raises:
        ApiError: 400 for what is no target; 500 for a number that is said to be a user, which the service's
            troubleshooting page has so.
    """
    if not isinstance(raw, dict):
        raise bad_request(f"{field} is missing.")
    kinds = [kind for kind in _ID_FIELD if isinstance(raw.get(kind), dict)]
    if len(kinds) != 1:
        raise bad_request(f"{field} must be one of {', '.join(_ID_FIELD)}.")
    (kind,) = kinds
    value = raw[kind].get(_ID_FIELD[kind])
    if not isinstance(value, str) or not value:
        raise bad_request(f"{field}.{kind}.{_ID_FIELD[kind]} is missing.")
    if kind == "phoneNumber":
        return Target(kind, parse_number(raw[kind], field))
    if value.startswith(_NUMBER_PREFIXES):
        raise ApiError(500, 9999, "The identifier is not of the kind it is said to be.")
    return Target(kind, value)


def parse_number(raw: Any, field: str) -> str:
    """A number like `{"value": "+1..."}`.

    Raises:
        ApiError: 400, it is not in E.164 form.
    """
    value = raw.get("value") if isinstance(raw, dict) else None
    if not isinstance(value, str) or _E164.fullmatch(value) is None:
        raise bad_request(f"{field} must be a phone number in E.164 form.")
    return value


@dataclass(frozen=True, slots=True)
class Headers:
    """What the other end of a transfer is told."""

    sip: dict[str, str]
    voip: dict[str, str]


def parse_headers(raw: Json | None) -> Headers:
    """The customCallingContext of a transfer.

    Raises:
        ApiError: 400, more or longer headers than the service takes, or names it does not.
    """
    sip = _strings((raw or {}).get("sipHeaders"), "sipHeaders", _SIP_VALUE)
    voip = _strings((raw or {}).get("voipHeaders"), "voipHeaders", _VOIP_VALUE)
    custom = [name for name in sip if name != _USER_TO_USER]
    _refuse((name for name in custom if not name.startswith(_SIP_PREFIX)), f"must begin with {_SIP_PREFIX}")
    if len(custom) > _SIP_HEADERS or len(voip) > _VOIP_HEADERS:
        raise bad_request(f"At most {_SIP_HEADERS} custom SIP headers and {_VOIP_HEADERS} VoIP headers are allowed.")
    return Headers(sip, voip)


def _strings(raw: Any, field: str, longest_value: int) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise bad_request(f"{field} must map names to texts.")
    _refuse((name for name in raw if not 0 < len(name) <= _HEADER_KEY), f"must have 1 to {_HEADER_KEY} characters")
    _refuse((name for name in raw if len(raw[name]) > longest_value), f"must have at most {longest_value} characters")
    return dict(raw)


def _refuse(names: Iterable[str], rule: str) -> None:
    for name in names:
        raise bad_request(f"Header {name[:_HEADER_KEY]!r} {rule}.")
