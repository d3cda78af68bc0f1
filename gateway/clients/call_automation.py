"""Call Automation over the official SDK, with budgets that fit a ringing phone.

The SDK's own defaults (300 s time-outs, three retries with seconds between them, redirects followed) are off. A retry
repeats the same request id, which is derived from the call: it cannot answer twice, and neither can another replica.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
from azure.communication.callautomation import (
    AudioFormat as AcsAudioFormat,
)
from azure.communication.callautomation import (
    CallRejectReason,
    CommunicationIdentifier,
    CommunicationUserIdentifier,
    DtmfTone,
    FileSource,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    MicrosoftTeamsUserIdentifier,
    PhoneNumberIdentifier,
    StreamingTransportType,
)
from azure.communication.callautomation.aio import CallAutomationClient, CallConnectionClient
from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError

from gateway.audio.pcm import PCM16_24K, AudioFormat
from gateway.clients.http import azure_transport
from gateway.errors import AcsError, CallGone, GatewayError, LostRace
from gateway.wire.call_automation import transfer_context

T = TypeVar("T")

_REPEATABILITY_NAMESPACE = uuid.UUID("b6d0c0a2-6c1c-5e1f-9a5b-4d7a1a2f7f10")
"""Fixed: every replica must derive the same id from the same call."""

GONE_STATUSES = frozenset({404, 410})
RACE_STATUSES = frozenset({409, 412})
TRANSFER_STATES = frozenset({"transferring", "transferAccepted"})
SIP_PREFIX = "X-MS-Custom-"
"""The network passes on SIP headers of this name only; the SDK for Python does not add it."""
_TONES = {
    **dict(
        zip("0123456789", ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), strict=True)
    ),
    "*": "asterisk",
    "#": "pound",
}
RETRY_STATUSES = frozenset({429, 500, 502, 503, 504})
OVER_STATUSES = frozenset({400, 404, 409, 410})
"""Answers to a hang-up that mean that the call is over already."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds for one operation with its retries, and for one try of it."""

    total_s: float
    try_s: float


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """Who takes a call over."""

    identifier: CommunicationIdentifier = field(repr=False)
    caller_id: str | None = field(repr=False)
    """the number of ours that a phone shows"""

    @classmethod
    def of(
        cls,
        *,
        phone_number: str | None = None,
        acs_user: str | None = None,
        teams_user: str | None = None,
        caller_id: str | None = None,
    ) -> TransferTarget:
        """From the one address that is given."""
        if phone_number is not None:
            return cls(PhoneNumberIdentifier(phone_number), caller_id)
        if acs_user is not None:
            return cls(CommunicationUserIdentifier(acs_user), None)
        if teams_user is not None:
            return cls(MicrosoftTeamsUserIdentifier(teams_user), None)
        raise ValueError("a destination has an address")


@dataclass(frozen=True, slots=True)
class AnswerUrls:
    """Addresses of one call."""

    callbacks: str
    media: str | None
    """None: no media is streamed"""


class CallAutomation:
    """Calls of one ACS resource."""

    def __init__(
        self,
        endpoint: str,
        credential: AzureKeyCredential | AsyncTokenCredential,
        http: aiohttp.ClientSession,
        budget: Budget,
    ) -> None:
        self._client = CallAutomationClient(
            endpoint,
            credential,
            transport=azure_transport(http),
            permit_redirects=False,
            retry_total=0,
            connection_timeout=budget.try_s,
            read_timeout=budget.try_s,
        )
        self._budget = budget

    async def close(self) -> None:
        await self._client.close()

    # --- before the answer ----------------------------------------------------------------------------------------

    async def answer(self, context: str, urls: AnswerUrls, fmt: AudioFormat, *, mixed: bool) -> str:
        """Answer a ringing call with bidirectional media streaming.

        Returns:
            The call connection id.

        Raises:
            CallGone: the caller hung up.
            LostRace: somebody else answered.
            AcsError: refused, or no answer within the budget.
        """
        channels = MediaStreamingAudioChannelType.MIXED if mixed else MediaStreamingAudioChannelType.UNMIXED
        streaming = (
            None
            if urls.media is None
            else MediaStreamingOptions(
                transport_url=urls.media,
                transport_type=StreamingTransportType.WEBSOCKET,
                content_type=MediaStreamingContentType.AUDIO,
                audio_channel_type=channels,
                start_media_streaming=True,
                enable_bidirectional=True,
                audio_format=AcsAudioFormat.PCM24_K_MONO if fmt == PCM16_24K else AcsAudioFormat.PCM16_K_MONO,
                enable_dtmf_tones=True,
            )
        )
        properties = await self._retrying(
            lambda: self._client.answer_call(
                context, urls.callbacks, media_streaming=streaming, headers=_repeatable("answer", context)
            )
        )
        return str(properties.call_connection_id)

    async def reject(self, context: str) -> None:
        """Let the caller hear a busy line.

        Raises:
            GatewayError: as `answer`.
        """
        await self._retrying(
            lambda: self._client.reject_call(
                context, call_reject_reason=CallRejectReason.BUSY, headers=_repeatable("reject", context)
            )
        )

    # --- during the call ------------------------------------------------------------------------------------------

    async def hang_up(self, call_connection_id: str) -> None:
        """End the call for everyone. A call that is over already counts as ended.

        Raises:
            AcsError: the network did not confirm.
        """
        try:
            await self._retrying(
                lambda: self._call(call_connection_id).hang_up(
                    is_for_everyone=True, headers=_repeatable("hang_up", call_connection_id)
                )
            )
        except (CallGone, LostRace):
            return
        except AcsError as error:
            if isinstance(error.__cause__, HttpResponseError) and error.__cause__.status_code in OVER_STATUSES:
                return
            raise

    async def start_media_streaming(self, call_connection_id: str) -> None:
        """Ask the network to connect its media socket (again)."""
        await self._retrying(lambda: self._call(call_connection_id).start_media_streaming())

    async def play(self, call_connection_id: str, url: str, *, loop: bool = False) -> None:
        """Let the network play a sound file that it fetches itself: speech without a media socket."""
        await self._retrying(lambda: self._call(call_connection_id).play_media(FileSource(url=url), loop=loop))

    async def stop_playing(self, call_connection_id: str) -> None:
        """Nothing is played any more."""
        await self._retrying(lambda: self._call(call_connection_id).cancel_all_media_operations())

    async def redirect(self, context: str, target: TransferTarget) -> None:
        """Let a ringing call ring somewhere else.

        Raises:
            GatewayError: as `answer`.
        """
        await self._retrying(
            lambda: self._client.redirect_call(context, target.identifier, headers=_repeatable("redirect", context))
        )

    async def media_is_active(self, call_connection_id: str) -> bool:
        """Whether the call streams media to somebody."""
        properties = await self._retrying(lambda: self._call(call_connection_id).get_call_properties())
        subscription = properties.media_streaming_subscription
        return subscription is not None and str(subscription.state) == "active"

    async def caller_of(self, call_connection_id: str) -> str | None:
        """The telephone number that called; None: it was withheld, or no telephone called.

        Raises:
            GatewayError: as `answer`.
        """
        properties = await self._retrying(lambda: self._call(call_connection_id).get_call_properties())
        source = properties.source
        return source.properties["value"] if isinstance(source, PhoneNumberIdentifier) else None

    async def transfer(
        self, call_connection_id: str, target: TransferTarget, headers: Mapping[str, str], attempt: int
    ) -> None:
        """Hand the caller over, blind. Accepted here means only that the network tries.

        Args:
            call_connection_id: of the call.
            target: who takes over.
            headers: for the person's system: SIP headers of a phone number, VoIP headers of others.
            attempt: which one of the call, from 1; the events about it say so; a repetition of the same is harmless.

        Raises:
            GatewayError: as `answer`.
        """
        to_phone = isinstance(target.identifier, PhoneNumberIdentifier)
        source = None if target.caller_id is None else PhoneNumberIdentifier(target.caller_id)
        await self._retrying(
            lambda: self._call(call_connection_id).transfer_call_to_participant(
                target.identifier,
                sip_headers={f"{SIP_PREFIX}{name}": value for name, value in headers.items()} if to_phone else None,
                voip_headers=None if to_phone else dict(headers),
                source_caller_id_number=source if to_phone else None,
                operation_context=transfer_context(attempt),
                headers=_repeatable(f"transfer {attempt}", call_connection_id),
            )
        )

    async def transfer_is_under_way(self, call_connection_id: str) -> bool:
        """What the network says of a call whose transfer nobody has reported on.

        Raises:
            CallGone: the call is over, for us.
            AcsError: the network does not say.
        """
        properties = await self._retrying(lambda: self._call(call_connection_id).get_call_properties())
        return str(properties.call_connection_state) in TRANSFER_STATES

    async def send_digits(self, call_connection_id: str, digits: str, number: str, attempt: int) -> None:
        """Send tones to the caller's side; an event says when they are out.

        Args:
            call_connection_id: of the call.
            digits: of 0 to 9, * and #; at most 18.
            number: the caller's.
            attempt: which one of the call; a repetition of the same sends nothing twice.

        Raises:
            GatewayError: as `answer`.
        """
        tones: list[str | DtmfTone] = [DtmfTone(_TONES[digit]) for digit in digits]
        await self._retrying(
            lambda: self._call(call_connection_id).send_dtmf_tones(
                tones, PhoneNumberIdentifier(number), headers=_repeatable(f"digits {attempt}", call_connection_id)
            )
        )

    def _call(self, call_connection_id: str) -> CallConnectionClient:
        return self._client.get_call_connection(call_connection_id)

    # --- retries --------------------------------------------------------------------------------------------------

    async def _retrying(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Try, and try once more where that can help, inside the budget."""
        try:
            async with asyncio.timeout(self._budget.total_s):
                try:
                    return await self._try(operation)
                except (AzureError, TimeoutError) as error:
                    wait_s = _retry_after_s(error)
                    if wait_s is None or wait_s >= self._budget.total_s:
                        raise  # a phone rings meanwhile: what can no longer succeed is not waited for
                    await asyncio.sleep(wait_s)
                    return await self._try(operation)
        except TimeoutError as error:
            raise AcsError("no answer within the budget") from error
        except AzureError as error:
            raise _classified(error) from error

    async def _try(self, operation: Callable[[], Awaitable[T]]) -> T:
        async with asyncio.timeout(self._budget.try_s):
            return await operation()


def _repeatable(operation: str, call: str) -> dict[str, str]:
    """Headers that make a repetition of the request harmless; a fresh dict, because the SDK writes into it."""
    digest = hashlib.sha256(call.encode()).hexdigest()
    return {"Repeatability-Request-ID": str(uuid.uuid5(_REPEATABILITY_NAMESPACE, f"{operation}:{digest}"))}


def _retry_after_s(error: AzureError | TimeoutError) -> float | None:
    """How long to wait before the one retry; None if a retry cannot help."""
    if not isinstance(error, HttpResponseError):
        return random.uniform(0.1, 0.3)  # noqa: S311 - spreads retries, guards nothing
    if error.status_code not in RETRY_STATUSES:
        return None
    headers = getattr(error.response, "headers", {})  # the SDK's type does not show that every response has them
    asked = str(headers.get("Retry-After", ""))
    if asked.isascii() and asked.isdigit():
        return float(asked)
    return random.uniform(0.1, 0.3)  # noqa: S311 - spreads retries, guards nothing


def _classified(error: AzureError) -> GatewayError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status in GONE_STATUSES:
        return CallGone("the call is gone")
    if status in RACE_STATUSES:
        return LostRace("the call was answered elsewhere")
    return AcsError(f"Call Automation answered {status}" if status else type(error).__name__)
