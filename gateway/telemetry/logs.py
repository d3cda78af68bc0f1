"""Log lines: JSON on standard output, constant messages with fields, the call id from the context.

    log = structlog.get_logger()
    structlog.contextvars.bind_contextvars(call_id=call_id)
    log.info("call.ended", result="completed", duration_s=41.2)

Never logged: numbers, names, words that were spoken, instructions, digits, tickets, tokens, request bodies. A line
costs some microseconds and a blocked standard output blocks the event loop, so nothing is logged per frame.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.config import LogConfig
from gateway.telemetry.redact import redact

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class LineSink:
    """Writes finished lines and counts those that could not be written; a log must not end a call."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<LineSink dropped={self.dropped}>"

    def __call__(self, *_args: Any) -> LineSink:
        """As structlog asks for a logger: there is one for all names."""
        return self

    def msg(self, line: bytes) -> None:
        try:
            self._stream.write(line + b"\n")
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream has been closed
            self.dropped += 1

    debug = info = warning = error = critical = exception = msg


def configure_logs(config: LogConfig, stream: BinaryIO | None = None) -> LineSink:
    """Set up logging for the whole process.

    Warnings of the libraries (standard logging) come out as lines like our own, event `library`.

    Args:
        config: level and format.
        stream: standard output, unless given.

    Returns:
        The sink all lines go to; `dropped_lines` reads its count.
    """
    sink = LineSink(sys.stdout.buffer if stream is None else stream)
    level = _LEVELS[config.level]
    structlog.configure(
        processors=_processors(config, colours=sys.stdout.isatty() and stream is None),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=sink,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_LibraryLines()]
    root.setLevel(max(level, logging.WARNING))  # at info the Azure libraries log every request with its headers
    return sink


def dropped_lines() -> int:
    """Lines that could not be written since logging was set up."""
    sink = structlog.get_config()["logger_factory"]
    return sink.dropped if isinstance(sink, LineSink) else 0


def _processors(config: LogConfig, *, colours: bool) -> list[Processor]:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    if config.format == "json":
        json_line = structlog.processors.JSONRenderer(serializer=_to_json)
        return [*shared, structlog.processors.format_exc_info, _redacted(json_line)]
    plain = structlog.dev.plain_traceback  # the pretty ones print the values of variables
    console = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain, timestamp_key="time")
    return [*shared, _redacted(console)]


def _redacted(render: Callable[[WrappedLogger, str, EventDict], str | bytes]) -> Processor:
    """The last processor: renders the line and looks it over."""

    def rendered(logger: WrappedLogger, name: str, event: EventDict) -> bytes:
        line = render(logger, name, event)
        return redact(line.encode("utf-8", "backslashreplace") if isinstance(line, str) else line)

    return rendered


def _to_json(event: EventDict, **_kwargs: Any) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except orjson.JSONEncodeError:  # half of a surrogate pair, an integer beyond 64 bits, another kind of key
        return orjson.dumps({str(key): ascii(value) for key, value in event.items()})


class _LibraryLines(logging.Handler):
    """Hands records of standard logging over to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        log = structlog.get_logger()
        (log.error if record.levelno >= logging.ERROR else log.warning)("library", **fields)
