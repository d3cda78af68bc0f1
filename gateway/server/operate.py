"""/operate: operators' commands to a running gateway, on the listener that is never published.

Whoever sends one proves himself with the secret of `server.operator_key_file`. Every command is a log line and is
counted. Nothing in here says who calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import structlog
from aiohttp import web

from gateway.auth.errors import Refused
from gateway.auth.verifier import SecretVerifier
from gateway.calls.closed_lines import ClosedLines
from gateway.calls.supervisor import CallSupervisor
from gateway.outcome import Outcome, Reason
from gateway.server.doorkeeper import Doorkeeper
from gateway.server.guard import AUTHENTICATE, RefusalLog
from gateway.server.live import LiveConfiguration
from gateway.server.operator_messages import CallEntry, Calls, HangingUp, LineEntry, Lines, Reloaded
from gateway.server.problems import make_problems_middleware, problem, problem_with_errors
from gateway.telemetry.labels import CommandResult, Door, OperatorCommand, ReloadResult
from gateway.telemetry.observer import Telemetry

BEARER = "Bearer "

log = structlog.get_logger()
routes = web.RouteTableDef()


class OperatorDoor:
    """Lets operators in."""

    def __init__(
        self,
        secret: SecretVerifier | None,
        doorkeeper: Doorkeeper,
        telemetry: Telemetry,
        clock: Callable[[], float],
    ) -> None:
        """`secret`: of an Authorization header without its scheme; None: no commands are taken."""
        self._secret = secret
        self._doorkeeper = doorkeeper
        self._telemetry = telemetry
        self._log = RefusalLog(clock)

    def admit(self, request: web.Request) -> str:
        """The id of the key that the operator has.

        Raises:
            web.HTTPException: 401 for anybody else; 403 where no key is configured.
        """
        if self._secret is None:
            raise problem(web.HTTPForbidden, "no-operator-key", "No commands: server.operator_key_file is not set.")
        try:
            key = self._secret.verify([_without_scheme(each) for each in request.headers.getall("Authorization", [])])
        except Refused as error:
            self._telemetry.refused(Door.OPERATE, error.fault.value)
            self._log("auth.refused", Door.OPERATE, error.fault.value)
            raise problem(web.HTTPUnauthorized, headers=AUTHENTICATE) from None
        self._doorkeeper.welcome(request.protocol)
        return key


def _without_scheme(authorization: str) -> str:
    """What follows `Bearer `, however that is spelled (RFC 9110); no secret where another scheme stands."""
    scheme = authorization[: len(BEARER)]
    return authorization[len(BEARER) :] if scheme.lower() == BEARER.lower() else ""


@dataclass(frozen=True, slots=True)
class Operation:
    """What commands work on."""

    door: OperatorDoor
    live: LiveConfiguration
    supervisor: CallSupervisor
    closed: ClosedLines
    telemetry: Telemetry
    clock: Callable[[], float]
    wall_clock: Callable[[], float]

    def done(self, command: OperatorCommand, result: CommandResult, key: str, **what: str) -> None:
        """A command was dealt with."""
        self.telemetry.commanded(command, result)
        log.info("operator.command", command=command.value, result=result.value, key=key, **what)

    def line(self, name: str) -> LineEntry:
        """The line as it is now."""
        closing = self.closed.closing(name)
        return LineEntry(
            name=name,
            state="open" if closing is None else "closed",
            closed_at=None if closing is None else datetime.fromtimestamp(int(closing.at), UTC),
            closed_by=None if closing is None else closing.by,
            live_calls=sum(call.names.line == name for call in self.supervisor),
        )


OPERATION = web.AppKey("operation", Operation)


def add_operate_routes(app: web.Application, operation: Operation) -> None:
    """Let operators command through this application."""
    app[OPERATION] = operation
    app.middlewares.append(make_problems_middleware(operation.telemetry.bug))
    app.add_routes(routes)


@routes.get("/operate/calls", allow_head=False)
async def list_calls(request: web.Request) -> web.Response:
    operation = request.app[OPERATION]
    key, now = operation.door.admit(request), operation.clock()
    entries = [
        CallEntry(
            call_id=call.call_id,
            line=call.names.line,
            agent=call.names.agent,
            deployment=call.names.deployment,
            state=call.state.value,
            age_s=round(now - call.began_at, 1),
        )
        for call in operation.supervisor
    ]
    operation.done(OperatorCommand.CALLS, CommandResult.DONE, key)
    return _answer(Calls(entries))


@routes.post("/operate/calls/{call_id}/hang-up")
async def hang_up(request: web.Request) -> web.Response:
    """Accepted when the call has been told; it is over when it is in the list no longer."""
    operation = request.app[OPERATION]
    key, call_id = operation.door.admit(request), request.match_info["call_id"]
    goodbye = {"true": True, "false": False}.get(request.query.get("goodbye", "false"))
    if goodbye is None:
        raise problem(web.HTTPBadRequest, "goodbye", "goodbye is true or false.")
    call = operation.supervisor.get(call_id)
    if call is None:
        operation.done(OperatorCommand.HANG_UP, CommandResult.NOT_FOUND, key)
        raise problem(web.HTTPNotFound, "no-call", "There is no such call, or it is over.")
    operation.done(OperatorCommand.HANG_UP, CommandResult.DONE, key, call_id=call_id)
    (call.say_goodbye if goodbye else call.end)(Outcome(Reason.OPERATOR_KILL))
    return _answer(HangingUp(call_id, goodbye), status=202)


@routes.get("/operate/lines", allow_head=False)
async def list_lines(request: web.Request) -> web.Response:
    operation = request.app[OPERATION]
    key = operation.door.admit(request)
    operation.done(OperatorCommand.LINES, CommandResult.DONE, key)
    return _answer(Lines([operation.line(line.name) for line in operation.live.current.config.lines]))


@routes.post("/operate/lines/{name}/close")
async def close_line(request: web.Request) -> web.Response:
    """Live calls go on."""
    operation = request.app[OPERATION]
    key, name = _line_of(request, OperatorCommand.CLOSE)
    operation.closed.close(name, key, operation.wall_clock())
    operation.telemetry.lines_closed(len(operation.closed))
    return _answer(operation.line(name))


@routes.post("/operate/lines/{name}/open")
async def open_line(request: web.Request) -> web.Response:
    operation = request.app[OPERATION]
    _, name = _line_of(request, OperatorCommand.OPEN)
    operation.closed.open(name)
    operation.telemetry.lines_closed(len(operation.closed))
    return _answer(operation.line(name))


def _line_of(request: web.Request, command: OperatorCommand) -> tuple[str, str]:
    """The id of the operator's key, and the line that the command is about.

    Raises:
        web.HTTPException: 404 for a line that is not in the configuration; 401 and 403 as the door.
    """
    operation = request.app[OPERATION]
    key, name = operation.door.admit(request), request.match_info["name"]
    if all(line.name != name for line in operation.live.current.config.lines):
        operation.done(command, CommandResult.NOT_FOUND, key)
        raise problem(web.HTTPNotFound, "no-line", "The configuration has no such line.")
    operation.done(command, CommandResult.DONE, key, line=name)
    return key, name


@routes.post("/operate/reload")
async def reload(request: web.Request) -> web.Response:
    operation = request.app[OPERATION]
    key = operation.door.admit(request)
    outcome = await operation.live.reload(f"key {key}")
    if outcome.result in (ReloadResult.TAKEN, ReloadResult.UNCHANGED):
        operation.done(OperatorCommand.RELOAD, CommandResult.DONE, key)
        return _answer(Reloaded("taken" if outcome.result is ReloadResult.TAKEN else "unchanged", outcome.checksum))
    operation.done(OperatorCommand.RELOAD, CommandResult.REFUSED, key)
    errors = [str(each) for each in outcome.problems]
    if outcome.result is ReloadResult.WRONG:
        title = "The configuration can not be used; nothing was changed."
        raise problem_with_errors(web.HTTPUnprocessableEntity, "configuration", title, errors)
    title = "The configuration needs a restart; nothing was changed."
    raise problem_with_errors(web.HTTPConflict, "restart-needed", title, errors)


def _answer(message: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(message),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
