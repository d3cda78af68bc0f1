"""What a call wants from outside of its two legs: to be handed over, tones to be sent, a service's judgement.

Each errand is a task of the call with a deadline of its own, and comes back as an event; the session goes on
meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

import structlog

from gateway.bounds import MAX_HOOK_RESULT_CHARACTERS
from gateway.calls.judges import load_judge
from gateway.clients.call_automation import CallAutomation, TransferTarget
from gateway.clients.hooks import Hooks, HookTarget
from gateway.config import Line
from gateway.config.handover import Destination
from gateway.errors import BadMessage, CallGone, GatewayError, HookFailed
from gateway.rate import Rate
from gateway.session.effects import (
    AskTransferState,
    Fields,
    HookRequest,
    JudgeDigits,
    JudgeText,
    NetworkRequest,
    Note,
    SendDigits,
    Transfer,
)
from gateway.session.events import (
    CallEnded,
    DigitsJudged,
    DigitsSent,
    HookEvent,
    Judged,
    PhoneEvent,
    TransferFailed,
    TransferState,
)
from gateway.session.tools import plain

MAX_AT_ONCE = 8
"""Errands of one call under way; a judgement too many is left out, and said so."""
HEADER_CHARACTERS = 256
"""Longest value of a header that a transfer may carry."""
FUNCTION_S = 1.0
"""An operator's function that takes longer has no say about that sentence; its thread is left to itself."""

log = structlog.get_logger()

Wanted: TypeAlias = NetworkRequest | HookRequest


@dataclass(frozen=True, slots=True)
class ErrandParts:
    """What errands need to know, and to reach."""

    call_id: str
    line: Line
    caller: str | None
    """E.164; nobody is handed over to themselves"""
    acs: CallAutomation
    hooks: Hooks
    transfers: Rate
    """of the whole process"""
    on_bug: Callable[[], None]
    """counts an error of ours"""


class Errands:
    """Of one call.

    Args:
        parts: see there.
        connection_id: of the call, as soon as the network has said it.
        tell: takes what came of an errand.
        note: takes what belongs in the call's story.
    """

    def __init__(
        self,
        parts: ErrandParts,
        connection_id: Callable[[], str | None],
        tell: Callable[[PhoneEvent | HookEvent], None],
        note: Callable[[Note], None],
    ) -> None:
        self._parts = parts
        self._connection_id = connection_id
        self._tell = tell
        self._note = note
        self._tasks: set[asyncio.Task[None]] = set()
        self._sendings = 0

    def begin(self, wanted: Wanted) -> None:
        """Start an errand; never waits."""
        if len(self._tasks) >= MAX_AT_ONCE and isinstance(wanted, JudgeText):
            self._story("hook.failed", {"hook": "moderation", "kind": "too_many"})
            return
        task = asyncio.create_task(self._finish(wanted), name=f"{type(wanted).__name__} {self._parts.call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Leave nothing behind."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _finish(self, wanted: Wanted) -> None:
        """Whatever breaks, the session is told: it must not wait for an errand that is gone."""
        try:
            await self._run(wanted)
        except Exception:
            log.exception("errand.broken", errand=type(wanted).__name__)
            self._parts.on_bug()
            match wanted:
                case Transfer(attempt=attempt):
                    self._tell(TransferFailed("failed", attempt))
                case SendDigits():
                    self._tell(DigitsSent(sent=False))
                case JudgeDigits():
                    self._tell(DigitsJudged(None))
                case _:
                    pass  # asked again, or without a say

    def _run(self, wanted: Wanted) -> Coroutine[Any, Any, None]:
        match wanted:
            case Transfer():
                return self._transfer(wanted)
            case AskTransferState():
                return self._ask_transfer_state()
            case SendDigits(digits=digits):
                return self._send_digits(digits)
            case JudgeDigits(purpose=purpose, digits=digits):
                return self._judge_digits(purpose, digits)
            case JudgeText():
                return self._judge_text(wanted)

    # --- the phone network ----------------------------------------------------------------------------------------

    async def _transfer(self, wanted: Transfer) -> None:
        parts, attempt = self._parts, wanted.attempt
        destination, connection_id = parts.line.destination(wanted.destination), self._connection_id()
        if connection_id is None:
            self._tell(TransferFailed("failed", attempt))
        elif destination.phone_number is not None and destination.phone_number == parts.caller:
            self._tell(TransferFailed("not_allowed", attempt))  # to oneself
        elif not parts.transfers.take():
            self._story("transfer.too_many", {})
            self._tell(TransferFailed("not_allowed", attempt))
        else:
            await self._report(destination, wanted.summary)
            headers = {"Reference": parts.call_id, "Summary": header_text(wanted.summary)}
            try:
                await parts.acs.transfer(connection_id, transfer_target(parts.line, destination), headers, attempt)
            except GatewayError as error:
                self._story("transfer.refused", {"why": type(error).__name__})
                self._tell(TransferFailed("failed", attempt))

    async def _report(self, destination: Destination, summary: str) -> None:
        """Tell the operator's service who comes. The hand-over does not depend on it."""
        report = self._parts.line.handover_report
        if report is None:
            return
        question = {
            "reference": self._parts.call_id,
            "line": self._parts.line.name,
            "destination": destination.name,
            "summary": summary,
        }
        await self._ask("handover_report", HookTarget(report.url, report.timeout_s, report.secret_file), question)

    async def _ask_transfer_state(self) -> None:
        connection_id = self._connection_id()
        if connection_id is None:
            return
        try:
            under_way = await self._parts.acs.transfer_is_under_way(connection_id)
        except CallGone:
            self._tell(CallEnded())
        except GatewayError:
            return  # it is asked again
        else:
            self._tell(TransferState(under_way))

    async def _send_digits(self, digits: str) -> None:
        connection_id, caller = self._connection_id(), self._parts.caller
        try:
            if connection_id is None or caller is None:
                raise CallGone("nobody to send tones to")
            self._sendings += 1
            await self._parts.acs.send_digits(connection_id, digits, caller, self._sendings)
        except GatewayError:
            self._tell(DigitsSent(sent=False))

    # --- services of the operator ---------------------------------------------------------------------------------

    async def _judge_digits(self, purpose: str, digits: str) -> None:
        hook = self._parts.line.digits.hook
        answer = None
        if hook is not None:
            question = {
                "call_id": self._parts.call_id,
                "line": self._parts.line.name,
                "purpose": purpose,
                "digits": digits,
            }
            answer = await self._ask("digits", HookTarget(hook.url, hook.timeout_s, hook.secret_file), question)
        result = None if answer is None else plain(answer.get("result"), MAX_HOOK_RESULT_CHARACTERS)
        self._tell(DigitsJudged(result or None))

    async def _judge_text(self, wanted: JudgeText) -> None:
        moderation = self._parts.line.moderation
        if moderation is None:
            return
        stop = False
        if moderation.hook is not None:
            hook = moderation.hook
            question = {
                "call_id": self._parts.call_id,
                "line": self._parts.line.name,
                "side": wanted.side.value,
                "text": wanted.text,
            }
            answer = await self._ask("moderation", HookTarget(hook.url, hook.timeout_s, hook.secret_file), question)
            stop = answer is not None and answer.get("stop") is True
        if not stop and moderation.python is not None:
            stop = await self._judge_by_function(moderation.python, wanted)
        if stop:
            self._tell(Judged(wanted.side, wanted.item_id))

    async def _judge_by_function(self, name: str, wanted: JudgeText) -> bool:
        try:
            async with asyncio.timeout(FUNCTION_S):
                return bool(await asyncio.to_thread(load_judge(name), wanted.side.value, wanted.text))
        except TimeoutError:
            kind = "timeout"
        except Exception as error:  # noqa: BLE001 - the operator's code; its fault must not end the call
            kind = type(error).__name__
        self._story("hook.failed", {"hook": "moderation_function", "kind": kind})
        return False

    async def _ask(self, hook: str, target: HookTarget, question: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return await self._parts.hooks.ask(target, question)
        except HookFailed as error:
            kind = error.kind
        except BadMessage:
            kind = "json"
        self._story("hook.failed", {"hook": hook, "kind": kind})
        return None

    def _story(self, name: str, fields: Fields) -> None:
        self._note(Note(name, fields))


def header_text(text: str) -> str:
    """Text as the value of a SIP header: printable ASCII, the rest percent-encoded, and cut where a character ends."""
    whole = quote(text, safe=" !#$&'()*+,-./:;=?@_~")
    while len(whole) > HEADER_CHARACTERS:
        text = text[: len(text) - 1 - (len(whole) - HEADER_CHARACTERS) // 12]
        whole = quote(text, safe=" !#$&'()*+,-./:;=?@_~")
    return whole


def transfer_target(line: Line, destination: Destination) -> TransferTarget:
    """A destination of a line, as the network wants it."""
    return TransferTarget.of(
        phone_number=destination.phone_number,
        acs_user=destination.acs_user,
        teams_user=destination.teams_user,
        caller_id=line.caller_id,
    )
