"""What to do when a response fails: the conversation goes on, and the caller is told something.

A content filter is an answer, not a fault: a neutral sentence, and the caller's turn again. Any other failure is tried
once more; if that fails as well, the caller is asked to repeat. Three failures without a good answer between
them end the call.
"""

from __future__ import annotations

from enum import StrEnum

MAX_FAILURES = 3
RETRY_AFTER_S = 0.5
"""Short enough to be unheard, long enough for a throttled deployment to have drained a little."""
MAX_ERRORS = 5
ERROR_WINDOW_S = 10.0
"""Errors are mostly harmless; five within ten seconds are a session that does not work."""

FATAL_CODES = frozenset({"byom_authentication_error", "agent_initialization_failed", "session_expired"})
RATE_LIMIT_CODES = frozenset({"rate_limit_exceeded", "too_many_requests"})
CONTENT_FILTER = "content_filter"


class Remedy(StrEnum):
    NEUTRAL = "neutral"
    RETRY = "retry"
    ASK_AGAIN = "ask_again"
    GIVE_UP = "give_up"


class Recovery:
    """Counts failures of one call and names the remedy."""

    def __init__(self) -> None:
        self._failures = 0
        self._errors: list[float] = []
        self.rate_limited = False

    def answered(self) -> None:
        self._failures = 0
        self.rate_limited = False

    def failed(self, reason: str, code: str) -> Remedy:
        """A response ended as failed, or incomplete through a filter."""
        if CONTENT_FILTER in (reason, code):
            return Remedy.NEUTRAL
        self._failures += 1
        self.rate_limited = code in RATE_LIMIT_CODES
        if self._failures >= MAX_FAILURES:
            return Remedy.GIVE_UP
        return Remedy.RETRY if self._failures == 1 else Remedy.ASK_AGAIN

    def error(self, code: str, now: float) -> bool:
        """An `error` event; True when the session must be given up."""
        if code in FATAL_CODES:
            return True
        self._errors = [at for at in self._errors if now - at < ERROR_WINDOW_S]
        self._errors.append(now)
        return len(self._errors) >= MAX_ERRORS
