"""The door: which upgrade requests are refused, and how."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from gateway.simulator.voice_live.options import Access

CREDENTIALS = ("api-key", "Authorization", "authorization")
"""Query parameters that must never be kept."""

_PER_MINUTE_S = 60.0
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> str:
        return json.dumps({"error": {"code": str(self.status), "message": self.message}})


class Door:
    """One deployment's door; counts who came when."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._arrivals: deque[float] = deque()
        self._refused = 0

    def __repr__(self) -> str:
        return f"<Door {len(self._arrivals)} this minute, {self._refused} refused>"

    def look(self, query: Mapping[str, str], headers: Mapping[str, str], now: float) -> Refusal | None:
        """Why this upgrade request is refused; None lets it in."""
        fault = self._access.fault
        if fault is not None and (fault.connections is None or self._refused < fault.connections):
            self._refused += 1
            more = {} if fault.location is None else {"Location": fault.location}
            return Refusal(fault.status, "This upgrade is refused.", more | retry_headers(fault.retry_after_ms))
        return self._credentials(query, headers) or self._parameters(query) or self._quota(now)

    def _credentials(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Refusal | None:
        access = self._access
        if not access.required:
            return None
        key = headers.get("api-key") or query.get("api-key")
        bearer = headers.get("Authorization") or query.get("Authorization") or ""
        if key:
            known = access.keys is None or key in access.keys
        else:
            token = bearer[len(_BEARER) :].strip() if bearer.lower().startswith(_BEARER) else ""
            known = bool(token) and (access.bearers is None or token in access.bearers)
        if known:
            return None
        message = "Access denied due to invalid subscription key or token."
        return Refusal(HTTPStatus.UNAUTHORIZED, message, {"WWW-Authenticate": "Bearer"})

    def _parameters(self, query: Mapping[str, str]) -> Refusal | None:
        access = self._access
        if query.get("api-version") not in access.api_versions:
            return Refusal(HTTPStatus.BAD_REQUEST, "The api-version is missing or not supported.")
        if "agent-name" in query or "agent-project-name" in query:
            return Refusal(HTTPStatus.BAD_REQUEST, "The twin has no agent mode.")
        profile = query.get("profile")
        if profile is not None and profile not in access.profiles:
            return Refusal(HTTPStatus.BAD_REQUEST, "The profile is not supported.")
        if not query.get("model"):
            return Refusal(HTTPStatus.BAD_REQUEST, "The query parameter 'model' is required.")
        if access.models is not None and query["model"] not in access.models:
            return Refusal(HTTPStatus.NOT_FOUND, "The deployment does not exist.")
        return None

    def _quota(self, now: float) -> Refusal | None:
        limit = self._access.connections_per_minute
        while self._arrivals and now - self._arrivals[0] >= _PER_MINUTE_S:
            self._arrivals.popleft()
        if limit is not None and len(self._arrivals) >= limit:
            wait_ms = max(1, round((self._arrivals[0] + _PER_MINUTE_S - now) * 1000))
            return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too many new connections.", retry_headers(wait_ms))
        self._arrivals.append(now)
        return None


def retry_headers(retry_after_ms: int | None) -> dict[str, str]:
    if retry_after_ms is None:
        return {}
    return {"retry-after-ms": str(retry_after_ms), "retry-after": str(-(-retry_after_ms // 1000))}
