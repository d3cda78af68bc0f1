"""The access-key signature of a request to Azure Communication Services, as its verifier sees it.

HMAC-SHA256 over verb, path with query, date, host and body hash; documented as "Sign an HTTP request" of Azure
Communication Services.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote

MAX_SKEW = timedelta(minutes=15)
"""How far the signed date may be from the clock."""

_SCHEME = re.compile(r"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=(?P<signature>\S+)")


def decode_key(access_key: str) -> bytes:
    """The secret of an access key.

    Raises:
        ValueError: the key is not base64.
    """
    try:
        return base64.b64decode(access_key, validate=True)
    except binascii.Error as error:
        raise ValueError("an access key is base64 text, as the portal shows it") from error


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What of a request is signed, as it arrived."""

    method: str
    path_and_query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def body_hash(self) -> str:
        return base64.b64encode(hashlib.sha256(self.body).digest()).decode()

    def signatures(self, key: bytes) -> list[str]:
        """The right signatures, base64 text; host and date are taken as given.

        Two where a participant is named: the official asynchronous client signs the colon of a raw id escaped, and
        its transport sends it plain.
        """
        date, host = self.headers.get("x-ms-date", ""), self.headers.get("Host", "")
        texts = [
            f"{self.method}\n{path}\n{date};{host};{self.body_hash}"
            for path in (self.path_and_query, _escaped(self.path_and_query))
        ]
        return [base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode() for text in texts]


def _escaped(path_and_query: str) -> str:
    path, mark, query = path_and_query.partition("?")
    head, slash, person = path.partition("/participants/")
    return head + slash + quote(unquote(person), safe="") + mark + query


def refusal(key: bytes, request: SignedRequest, now: datetime) -> str | None:
    """Why the request is not authentic; None when it is."""
    scheme = _SCHEME.fullmatch(request.headers.get("Authorization", ""))
    if scheme is None:
        return "no HMAC-SHA256 signature over x-ms-date, host and x-ms-content-sha256"
    try:
        signed_at = parsedate_to_datetime(request.headers.get("x-ms-date", ""))
    except ValueError:
        return "x-ms-date is missing or unreadable"
    if abs(now - signed_at.astimezone(UTC)) > MAX_SKEW:
        return "x-ms-date is too far from now"
    if request.headers.get("x-ms-content-sha256") != request.body_hash:
        return "x-ms-content-sha256 is not the hash of the body"
    given = scheme["signature"].encode()
    if not any(hmac.compare_digest(right.encode(), given) for right in request.signatures(key)):
        return "wrong signature: another key, or the Host header was changed on the way"
    return None
