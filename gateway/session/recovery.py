"""What to do when a response fails: the conversation goes on, and the caller is told something.

A content filter is an answer, not a fault: a neutral sentence, and the caller's turn again. Any other failure is tried
once more; if that fails as well, the caller is asked to repeat. Three failures without a good answer between
them end the call. A throttled deployment drains by itself: it is asked again and again, at growing distances, while
the watchdog's fillers are heard, and given up when it has refused for as long as a caller may be kept waiting.
"""

from __future__ import annotations

from enum import StrEnum

MAX_FAILURES = 3
RETRY_AFTER_S = 0.5
"""Short enough to be unheard, long enough for a throttled deployment to have drained a little."""
SLOWEST_RETRY_S = 2.0
THROTTLED_S = 12.0
"""From the first refusal; the watchdog gives up after as long without progress."""
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
        self._throttled_since: float | None = None
        self.retry_after_s = RETRY_AFTER_S
        """how long to wait before the retry that was named last"""

    @property
    def rate_limited(self) -> bool:
        """The newest failure was for lack of capacity."""
        return self._throttled_since is not None

    def answered(self) -> None:
        self._failures = 0
        self._throttled_since = None

    def failed(self, reason: str, code: str, now: float) -> Remedy:
        """A response ended as failed, or incomplete through a filter; or was refused for lack of capacity."""
        if CONTENT_FILTER in (reason, code):
            return Remedy.NEUTRAL
        if code in RATE_LIMIT_CODES:
            return self._throttled(now)
        self._throttled_since, self.retry_after_s = None, RETRY_AFTER_S
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            return Remedy.GIVE_UP
        return Remedy.RETRY if self._failures == 1 else Remedy.ASK_AGAIN

    def _throttled(self, now: float) -> Remedy:
        if self._throttled_since is None:
            self._throttled_since, self.retry_after_s = now, RETRY_AFTER_S
        else:
            self.retry_after_s = min(2.0 * self.retry_after_s, SLOWEST_RETRY_S)
        late = now + self.retry_after_s - self._throttled_since >= THROTTLED_S
        return Remedy.GIVE_UP if late else Remedy.RETRY

    def error(self, code: str, now: float) -> bool:
        """An `error` event; True when the session must be given up."""
        if code in FATAL_CODES:
            return True
        self._errors = [at for at in self._errors if now - at < ERROR_WINDOW_S]
        self._errors.append(now)
        return len(self._errors) >= MAX_ERRORS
