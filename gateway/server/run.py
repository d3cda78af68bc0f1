"""`gateway serve`: the gateway as a process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
from functools import partial
from pathlib import Path

import structlog

from gateway.calls.judges import check_judges
from gateway.config import GatewayConfig, load
from gateway.config.secrets import check_key_files
from gateway.server.gateway import Gateway
from gateway.server.live import LiveConfiguration
from gateway.telemetry.logs import configure_logs

log = structlog.get_logger()

GC_THRESHOLD = 20_000
"""The media path makes next to no cyclic garbage; what hurts is a full collection caused by call set-up."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration (YAML)")
    parser.add_argument(
        "--grace-seconds",
        type=float,
        metavar="N",
        help="from SIGTERM until this process is killed; live calls are told goodbye before (overrides drain.grace_s)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, and then until the last call is over.

    Raises:
        ConfigError: the configuration is wrong; its text lists every error.
    """
    config = read_configuration(args.config)
    configure_logs(config.server.log)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 50, 50)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        reread = partial(read_configuration, args.config)
        runner.run(_serve(Gateway(config, reread=reread, grace_s=args.grace_seconds)))
    return 0


def read_configuration(file: Path) -> GatewayConfig:
    """Read and check a configuration with its key files, and the functions it names.

    Raises:
        ConfigError: the configuration is wrong; its text lists every error.
    """
    config = load(file)
    check_key_files(config)
    check_judges(config)
    return config


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - there is none for Windows, and asyncio's own loop does as well
    except ImportError:
        return None
    return uvloop.Loop


async def _reload_at(signalled: asyncio.Event, live: LiveConfiguration) -> None:
    """Read the configuration again whenever it is signalled, until cancelled."""
    while True:
        await signalled.wait()
        signalled.clear()
        try:
            await live.reload("SIGHUP")
        except Exception:  # the edge of one reload: it fails, calls and later reloads go on
            log.exception("config.reload_broken")


class Signals:
    """What each signal means to a gateway.

    SIGTERM drains; a second one changes nothing, because those who send it may send it twice. SIGINT, which is a person
    at a keyboard, drains without waiting for routers; the second one does not wait for calls either. SIGQUIT never
    waits for calls: the drain's last minutes begin. SIGHUP reads the configuration again.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.stop, self.reload = asyncio.Event(), asyncio.Event()
        self._gateway = gateway
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGQUIT, self._hurry)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)

    def _drain(self) -> None:
        self._gateway.begin_drain()
        self.stop.set()

    def _interrupt(self) -> None:
        if self.stop.is_set():
            self._hurry()
            return
        self._gateway.begin_drain(settle=False)
        self.stop.set()

    def _hurry(self) -> None:
        self._gateway.hurry_drain()
        self.stop.set()


async def _serve(gateway: Gateway) -> None:
    signals = Signals(gateway)
    await gateway.start()
    reloading = asyncio.create_task(_reload_at(signals.reload, gateway.live), name="reload at SIGHUP")
    log.info("gateway.ready", public_port=gateway.public_port, metrics_port=gateway.metrics_port)
    await signals.stop.wait()
    reloading.cancel()
    await gateway.see_out()
    await gateway.stop()
    log.info("gateway.stopped")
