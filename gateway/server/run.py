"""`gateway serve`: the gateway as a process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
from pathlib import Path

import structlog

from gateway.config import load
from gateway.config.secrets import check_key_files
from gateway.server.gateway import Gateway
from gateway.telemetry.logs import configure_logs

GC_THRESHOLD = 20_000
"""The media path makes next to no cyclic garbage; what hurts is a full collection caused by call set-up."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration (YAML)")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError: the configuration is wrong; its text lists every error.
    """
    config = load(args.config)
    check_key_files(config)
    configure_logs(config.server.log)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 50, 50)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(Gateway(config)))
    return 0


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - there is none for Windows, and asyncio's own loop does as well
    except ImportError:
        return None
    return uvloop.Loop


async def _serve(gateway: Gateway) -> None:
    log = structlog.get_logger()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    await gateway.start()
    log.info("gateway.ready", public_port=gateway.public_port, metrics_port=gateway.metrics_port)
    await stop.wait()
    log.info("gateway.stopping", live_calls=len(gateway.supervisor))
    await gateway.stop()
    log.info("gateway.stopped")
