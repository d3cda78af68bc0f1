"""Sections about this process and the phone network: `server`, `acs`, `deadlines`, `call`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from gateway.audio.pcm import PCM16_16K, PCM16_24K, AudioFormat
from gateway.clips import languages
from gateway.config.fields import (
    ConfigPath,
    HttpUrl,
    Language,
    Milliseconds,
    Name,
    Origin,
    Port,
    Seconds,
    Section,
    Text,
)


class TraceConfig(Section):
    """A JSON Lines file per call: every decision of the call with its moment. For tests and demonstrations."""

    directory: ConfigPath
    """Where the files are written; made if it is missing."""
    include_transcripts: bool = False
    """Write the words that were spoken as well. They are personal data: off unless everybody on the line agreed."""


class LogConfig(Section):
    """Log lines on standard output."""

    access: bool = False
    """A line for every request, with its route and never its path."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe kind of line that is written; nothing is ever logged per audio frame."""
    format: Literal["json", "console"] = "json"
    """`json`: one object a line, for machines. `console`: for people."""


class ServerConfig(Section):
    """Where the gateway listens, and how the phone network reaches it."""

    public_url: HttpUrl
    """What the phone network calls: callback and media addresses are made from it, never from a request's Host
    header, which a stranger can set. https; http for loopback addresses only. A path in front is kept."""
    host: str = "0.0.0.0"  # noqa: S104 - a service in a container is reached from outside of it
    """Address the public listener binds to."""
    port: Port = 8080
    """Port of the public listener (events, callbacks, media); 0 takes a free one."""
    metrics_host: str = "0.0.0.0"  # noqa: S104 - as above
    """Address of the operator's listener."""
    metrics_port: Port = 9464
    """Port of /metrics, /startupz, /livez, /readyz and /operate; separate, so that it is never published by mistake.
    0 takes a free one. 9464 is the port OpenTelemetry's Prometheus exporter made customary."""
    ticket_key_file: ConfigPath | None = None
    """File with at least 32 bytes that sign the addresses of a call. Without it a random key is made at every start:
    calls in progress can then not come back after a restart, and several replicas do not know each other's calls."""
    previous_ticket_key_file: ConfigPath | None = None
    """The key before, while it is being changed: calls that began under it go on. Take it away after an hour."""
    operator_key_file: ConfigPath | None = None
    """File with the secret, at least 32 random characters, that operators' commands must bring (`gateway operate`).
    Read again when it changes. Without it no commands are taken."""
    previous_operator_key_file: ConfigPath | None = None
    """The secret before, while it is being changed: both are taken."""
    trusted_proxies: Annotated[int, Field(ge=0, le=8)] = 0
    """How many proxies stand before the gateway and append to X-Forwarded-For. Only with one or more can sources be
    told apart, and one that brings bad credentials again and again be held off by its address."""
    trace: TraceConfig | None = None
    """Switch on a trace of every call."""
    log: LogConfig = LogConfig()
    """Log lines."""

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.port and self.port == self.metrics_port:
            raise ValueError("port and metrics_port must differ")
        if self.previous_ticket_key_file is not None and self.ticket_key_file is None:
            raise ValueError("previous_ticket_key_file needs ticket_key_file")
        if self.previous_operator_key_file is not None and self.operator_key_file is None:
            raise ValueError("previous_operator_key_file needs operator_key_file")
        return self

    @property
    def operator_key_files(self) -> tuple[Path, ...]:
        """None, one, or two while the secret is being changed."""
        files = (self.operator_key_file, self.previous_operator_key_file)
        return tuple(file for file in files if file is not None)

    @property
    def media_url(self) -> str:
        """`public_url` with the WebSocket scheme."""
        return "ws" + self.public_url.removeprefix("http")


class AcsResource(Section):
    """One Azure Communication Services resource."""

    name: Name
    """How logs and other sections call it."""
    topic: Annotated[str, StringConstraints(pattern=r"(?i)^/subscriptions/[^/\s]+/[^\s]+$")]
    """Azure Resource Manager id of the resource, as its Event Grid events carry it in `topic` or `source`:
    /subscriptions/.../providers/Microsoft.Communication/communicationServices/... Compared without regard to case."""
    endpoint: Origin
    """https://<resource>.<region>.communication.azure.com; http for loopback addresses only."""
    key_file: ConfigPath | None = None
    """File with the resource's access key (base64). Without it the gateway uses its Entra identity."""
    audience: Text
    """Immutable resource id (a GUID): the `aud` of the tokens this resource signs its callbacks and sockets with."""


class PhoneFormat(StrEnum):
    """Audio of the media socket; Azure Communication Services offers these two."""

    PCM16_16K = "pcm16_16k"
    PCM16_24K = "pcm16_24k"

    @property
    def audio(self) -> AudioFormat:
        return PCM16_16K if self is PhoneFormat.PCM16_16K else PCM16_24K


class AcsConfig(Section):
    """Azure Communication Services Call Automation."""

    issuer: Text = "https://acscallautomation.communication.azure.com"
    """`iss` of the tokens on callbacks and media sockets."""
    keys_url: HttpUrl = "https://acscallautomation.communication.azure.com/calling/keys"
    """Where the public keys of those tokens are."""
    media_token: Literal["enforce", "log_only"] = "enforce"  # noqa: S105 - a mode
    """`enforce`: a media socket needs a valid token beside its ticket. `log_only`: a bad one is counted and logged, and
    the ticket alone lets it in; for finding out why genuine sockets are refused, never for good."""
    revoked_keys: tuple[Text, ...] = ()
    """Ids (`kid`) of keys that are no longer believed, whatever the key document says."""
    channel_type: Literal["unmixed", "mixed"] = "unmixed"
    """`unmixed`: the stream holds the caller alone, so the agent can not hear itself; right for a call between one
    caller and the agent. `mixed`: one stream of everybody on the call; needed as soon as somebody else joins."""
    audio_format: PhoneFormat = PhoneFormat.PCM16_16K
    """Format of the media socket, both directions. Phone calls carry at most 16 kHz (HD voice), mostly 8 kHz: 24 kHz
    costs more and brings nothing to the ear."""
    resources: tuple[AcsResource, ...] = Field(min_length=1)
    """The resources whose calls are answered here; events of others are ignored and counted."""


class Deadlines(Section):
    """How long the steps before and around a call may take, in seconds, counted from the arrival of its event.

    A phone rings for about 30 s, and an event that is not acknowledged in 30 s is sent again: every step has its own
    deadline, so that a hang costs seconds and not the call.
    """

    event_stale_s: Seconds = 20.0
    """An event older than this is acknowledged and counted, and not answered: nobody would be there to hear it."""
    dial_total_s: Seconds = 3.0
    """All attempts to get a ready model session together: the phone rings meanwhile."""
    dial_each_s: Seconds = 1.5
    """One attempt, while another deployment could still be tried."""
    answer_total_s: Seconds = 2.5
    """Answering the call, retries included."""
    answer_try_s: Seconds = 2.0
    """One request to answer."""
    offer_total_s: Seconds = 6.0
    """From the event to its acknowledgement."""
    media_prompt_s: Seconds = 3.0
    """A media socket that comes within this time after the answer is nothing to talk about."""
    media_restart_s: Seconds = 5.0
    """Streaming is started again when the socket has not come by then."""
    media_give_up_s: Seconds = 8.0
    """The call is ended when the socket has not come by then."""
    media_reattach_s: Seconds = 10.0
    """How long a media socket lost in the middle of a call may take to come back."""
    hang_up_s: Seconds = 5.0
    """How long the phone network may take to confirm a hang-up."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for shorter, longer in (
            ("dial_each_s", "dial_total_s"),
            ("answer_try_s", "answer_total_s"),
            ("media_prompt_s", "media_restart_s"),
            ("media_restart_s", "media_give_up_s"),
        ):
            if getattr(self, shorter) > getattr(self, longer):
                raise ValueError(f"{shorter} must not be longer than {longer}")
        if self.dial_total_s + self.answer_total_s > self.offer_total_s:
            raise ValueError("dial_total_s and answer_total_s together must fit into offer_total_s")
        return self


class CallConfig(Section):
    """How a conversation behaves; in milliseconds."""

    far_end_delay_ms: Milliseconds = 150
    """Between the phone network and the caller's ear. Nothing acknowledges playing, so it is declared; it decides
    which words count as heard."""
    start_lead_in_ms: Milliseconds = 200
    """Silence sent before the first audio: what a network loses at the start of a stream is then never a word."""
    max_lead_ms: Annotated[int, Field(ge=20, le=2000)] = 200
    """How far ahead of real time audio is sent: more survives longer stalls, less is taken back at a barge-in."""
    filler_after_ms: Milliseconds = 2500
    """Nothing heard this long after the caller's turn: a short sentence is played."""
    ask_again_after_ms: Milliseconds = 8000
    """No progress of the model for this long: it is asked once more, and the caller is told."""
    give_up_after_ms: Milliseconds = 12000
    """No progress of the model for this long: apology, goodbye, hang-up."""
    resume_after_ms: Milliseconds = 1200
    """An interruption without words (a cough) is answered after this long, so that it does not end the answer."""
    last_word_tail_ms: Milliseconds = 700
    """The network still holds sound when our clock says that the last word was played: wait before hanging up."""
    clip_language: Language = "en-US"
    """Language of the sentences the gateway says itself, for callers in whose language it has none: `de-DE`, `en-US`,
    `es-ES` or `fr-FR`."""

    @field_validator("clip_language")
    @classmethod
    def _has_clips(cls, language: str) -> str:
        if language not in languages():
            raise ValueError(f"there are no sentences in {language}; use one of {', '.join(languages())}")
        return language

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.filler_after_ms < self.ask_again_after_ms < self.give_up_after_ms:
            raise ValueError("filler_after_ms, ask_again_after_ms and give_up_after_ms must rise in this order")
        return self
