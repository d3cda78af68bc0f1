"""How a call, or an attempt at one, ended: one Outcome out of a closed list.

The log line, the metric labels and the hang-up reason of a call all use the same value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """What the ending means to an operator; the `result` label."""

    COMPLETED = "completed"  # a conversation took place and ended as calls do
    REFUSED = "refused"  # not answered, on purpose
    IGNORED = "ignored"  # not ours to answer: duplicate, stale, already gone
    FAILED = "failed"  # something broke


class Reason(StrEnum):
    """Why it ended; the `reason` label. The list is closed: a dashboard can name every value."""

    CALLER_HANGUP = "caller_hangup"
    AGENT_HANGUP = "agent_hangup"
    TRANSFERRED = "transferred"
    REDIRECTED = "redirected"
    TRANSFER_FAILED = "transfer_failed"
    CALLER_SILENT = "caller_silent"
    NO_WORDS = "no_words"
    MAX_DURATION = "max_duration"
    MACHINE = "machine"
    OPERATOR_KILL = "operator_kill"
    CALLER_GONE_BEFORE_ANSWER = "caller_gone_before_answer"
    DUPLICATE = "duplicate"
    STALE_EVENT = "stale_event"
    LOST_RACE = "lost_race"
    NO_LINE = "no_line"
    AFTER_HOURS = "after_hours"
    LINE_CLOSED = "line_closed"
    CAPACITY = "rejected_capacity"
    QUEUE_ABANDONED = "queue_abandoned"
    REJECTED_CALLER = "rejected_caller_limit"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_STALLED = "model_stalled"
    MODEL_RATE_LIMITED = "model_rate_limited"
    MEDIA_MISSING = "media_missing"
    MEDIA_LOST = "media_lost"
    MEDIA_ABUSE = "media_abuse"
    ACS_ERROR = "acs_error"
    DRAIN_DEADLINE = "drain_deadline"
    INTERNAL_ERROR = "internal_error"


_RESULT_OF = {
    Reason.CALLER_HANGUP: Result.COMPLETED,
    Reason.AGENT_HANGUP: Result.COMPLETED,
    Reason.TRANSFERRED: Result.COMPLETED,
    Reason.REDIRECTED: Result.REFUSED,
    Reason.CALLER_SILENT: Result.COMPLETED,
    Reason.NO_WORDS: Result.COMPLETED,
    Reason.MAX_DURATION: Result.COMPLETED,
    Reason.MACHINE: Result.COMPLETED,
    Reason.OPERATOR_KILL: Result.COMPLETED,
    Reason.CALLER_GONE_BEFORE_ANSWER: Result.IGNORED,
    Reason.DUPLICATE: Result.IGNORED,
    Reason.STALE_EVENT: Result.IGNORED,
    Reason.LOST_RACE: Result.IGNORED,
    Reason.NO_LINE: Result.REFUSED,
    Reason.AFTER_HOURS: Result.REFUSED,
    Reason.LINE_CLOSED: Result.REFUSED,
    Reason.CAPACITY: Result.REFUSED,
    Reason.QUEUE_ABANDONED: Result.REFUSED,
    Reason.REJECTED_CALLER: Result.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one ending of a call."""

    reason: Reason

    @property
    def result(self) -> Result:
        return _RESULT_OF.get(self.reason, Result.FAILED)
