"""What a twin is told beforehand: who may connect, how fast it answers, what it does wrong.

The defaults make a healthy service. Times are in seconds of the twin's clock; those named after the recording are of
a managed gpt-4.1 session with azure-speech and a neural voice, recorded in September 2026 by pydantic-ai's tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.simulator.voice_live.script import Script

BYOM_REALTIME = "byom-azure-openai-realtime"
BYOM_CHAT = "byom-azure-openai-chat-completion"
BYOM_MESSAGES = "byom-foundry-anthropic-messages"

API_VERSIONS = frozenset(
    {"2025-10-01", "2026-01-01-preview", "2026-04-10", "2026-06-01-preview", "2026-07-15", "2026-07-31-preview"}
)


@dataclass(frozen=True, slots=True)
class HandshakeFault:
    """The upgrade is refused."""

    status: int
    retry_after_ms: int | None = None
    """sent as `retry-after-ms` and, in whole seconds, as `retry-after`"""
    location: str | None = None
    """where a 3xx points to"""
    connections: int | None = None
    """only this many are refused, then the door is open; None: all"""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may open a session."""

    api_versions: frozenset[str] = API_VERSIONS
    profiles: frozenset[str] = frozenset({BYOM_REALTIME, BYOM_CHAT, BYOM_MESSAGES})
    models: frozenset[str] | None = None
    """deployment names that exist; None: every name does"""
    required: bool = True
    """a key or a Bearer token must be presented"""
    keys: frozenset[str] | None = None
    """accepted values of `api-key`; None: every one that is not empty"""
    bearers: frozenset[str] | None = None
    """accepted tokens; None: every one that is not empty, as the twin has no directory to ask"""
    connections_per_minute: int | None = None
    """the quota of new connections (published: 30 a minute and resource); beyond it 429 with `retry-after-ms`"""
    fault: HandshakeFault | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    upgrade_s: float = 0.0
    """before the upgrade is answered"""
    created_s: float = 0.01
    """from the upgrade to session.created"""
    updated_s: float = 0.02
    """from session.update to session.updated"""
    stt_s: float = 0.2
    """cascade: end of turn to transcript (recording: 197 ms)"""
    llm_first_text_s: float = 0.3
    """response.created to the first word (recording: 296 ms)"""
    tts_first_audio_s: float = 0.14
    """first word to first audio (recording: 137 ms)"""
    words_per_s: float = 60.0
    """how fast text is generated; audio never overtakes its words"""
    speedup: float = 16.0
    """audio delivered per second of time (recording: 2.85 s in 172 ms)"""
    transcript_s: float = 0.36
    """realtime: end of turn to the transcript, which comes in the midst of the answer (recording: after its first
    words, before its first audio)"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How audio leaves the twin."""

    delta_ms: tuple[int, int] = (120, 480)
    """shortest and longest delta (recording: eight deltas for 2.85 s); never aligned to 20 ms"""
    odd_bytes: bool = False
    """cut pcm16 within a sample"""
    stale_deltas: int = 2
    """how many deltas still come after a cancel, before response.done says so"""
    stale_gap_s: float = 0.02
    output_format: str | None = None
    """delivered and confirmed whatever was asked for; None: what was asked for"""


class ResponseFaultKind(StrEnum):
    RATE_LIMITED = "rate_limited"
    """response.done failed, rate_limit_exceeded"""
    RATE_LIMITED_ERROR = "rate_limited_error"
    """an `error` event instead of a response"""
    SILENCE = "silence"
    """response.created, then nothing for `delay_s`"""
    CONTENT_FILTER = "content_filter"
    """incomplete, content_filter, after `after_s` of audio"""
    CONTENT_FILTER_FAILED = "content_filter_failed"
    """failed with code content_filter, no audio"""
    SERVER_ERROR = "server_error"
    """failed, server_error, after `after_s` of audio"""
    SPEECH_SYNTHESIS = "speech_synthesis_error"
    """the words come, then an error instead of the audio, and the response fails"""
    STALL = "stall"
    """audio stops after `after_s` and never goes on"""
    SKIPPED = "skipped"
    """the turn is committed and transcribed, and no response comes"""


@dataclass(frozen=True, slots=True)
class ResponseFault:
    """What goes wrong with certain responses of a session."""

    kind: ResponseFaultKind
    numbers: frozenset[int] = frozenset()
    """counted from 1 in each session, every requested response included (also the greeting)"""
    every: int = 0
    """and each nth"""
    after_s: float = 0.0
    """audio delivered before it happens, for the kinds that stop midway"""
    delay_s: float = float("inf")
    """of SILENCE: afterwards the response goes on; infinite: never"""

    def hits(self, number: int) -> bool:
        return number in self.numbers or (self.every > 0 and number % self.every == 0)


@dataclass(frozen=True, slots=True)
class CloseFault:
    """The connection ends by itself."""

    code: int | None = 1011
    """None: the TCP connection is aborted, without a close frame"""
    reason: str = ""
    after_s: float | None = None
    """counted from the upgrade"""
    at_response: int | None = None
    """when this response (counted from 1) has delivered its first audio"""
    error_code: str | None = None
    """an `error` event just before, as session_expired"""


class UsageForm(StrEnum):
    FULL = "full"
    NULL = "null"
    PARTIAL = "partial"
    """totals and text only, no details of the cache"""


class Garbage(StrEnum):
    """Messages no service should send; one of each kind per response."""

    INVALID_JSON = "invalid_json"
    BINARY = "binary"
    NO_TYPE = "no_type"
    BAD_BASE64 = "bad_base64"
    """an audio delta that is not base64"""


@dataclass(frozen=True, slots=True)
class Faults:
    """What a session does wrong."""

    sessions: int | None = None
    """only the first so many sessions of a deployment have these faults; None: all"""
    mute: bool = False
    """upgraded, and nothing ever comes"""
    silent_after_s: float | None = None
    """nothing comes any more, but pings are answered"""
    deaf_after_s: float | None = None
    """nothing is read any more either: a half-open connection"""
    opening_error: str | None = None
    """code of an `error` after session.created; session.update is then never answered (byom_authentication_error)"""
    refuses_pre_generated: bool = False
    unknown_events: bool = False
    """sprinkle rate_limits.updated, warning, conversation.item.done and types of the future"""
    duplicate_every: int = 0
    """each nth event is sent twice"""
    garbage: frozenset[Garbage] = frozenset()
    responses: tuple[ResponseFault, ...] = ()
    close: CloseFault | None = None
    usage: UsageForm = UsageForm.FULL
    truncated_after_done: bool = False
    """conversation.item.truncated waits for the response.done of its response"""
    transcription_fails_every: int = 0
    repeats_empty_transcript: bool = False
    """an extra, empty transcript for a turn that has one"""


class PtuForm(StrEnum):
    """How a throttled model call shows; which one the service uses is not documented."""

    FAILED = "failed"
    ERROR = "error"
    SILENCE = "silence"
    """the service tries again by itself until the deployment has room"""


@dataclass(frozen=True, slots=True)
class PtuPlan:
    """Provisioned throughput of a deployment."""

    units: int
    tpm_per_ptu: float
    output_ratio: float
    cached_weight: float = 0.0
    audio_input_weight: float = 1.0
    """of the realtime profile; no weight of audio tokens is published"""
    audio_output_weight: float | None = None
    """None: like `output_ratio`"""
    guessed_output_tokens: int = 100
    """what the service assumes for an answer without max_response_output_tokens"""
    form: PtuForm = PtuForm.FAILED
    others_tokens_per_minute: float = 0.0
    """normalised tokens of another client of the same deployment, evenly spread"""
    others_from_s: float = 0.0
    """when that client begins, in seconds since the deployment was first asked for something"""
    others_s: float = math.inf
    """how long it goes on"""

    @property
    def tokens_per_minute(self) -> float:
        return self.units * self.tpm_per_ptu


@dataclass(frozen=True, slots=True)
class TwinOptions:
    """Everything about one deployment."""

    access: Access = field(default_factory=Access)
    timing: Timing = field(default_factory=Timing)
    delivery: Delivery = field(default_factory=Delivery)
    faults: Faults = field(default_factory=Faults)
    ptu: PtuPlan | None = None
    script: Script | None = None
    """None: the default story"""
    session_s: float = 3600.0
    """the published limit of a session; `expires_at` names its end, then session_expired and close 1001 follow"""
    requires_update_first: bool = True
    """nothing but session.update is taken before the first valid one"""
    hyphenated_formats: bool = False
    """confirm output formats in the old spelling (pcm16-8000hz)"""
    echo_guard_db: float = 15.0
    """with server echo cancellation, how much louder than otherwise a caller must be while the agent is heard"""
    wordless_below_s: float = 0.6
    """a sound shorter than this, where the script expects a sentence, is a cough: its transcript is empty"""
    answers_wordless_turns: bool = False
    answers_turns_during_response: bool = True
    """with interrupt_response off, a turn that ends while a response is active is answered after it; False: never,
    only conversation_already_has_active_response comes, as OpenAI's reference of turn detection warns it may"""
    keeps_appended_audio: bool = False
    seed: int = 1
    """of ids and delta sizes"""
