"""The real `az`, kept warm: it takes half a second to begin, and a set-up calls it two hundred times.

Runs on the Python that has azure-cli, without anything of the gateway. Every call is a fork that knows the modules
already and runs with the caller's arguments, environment, folder and channels; nothing is kept between two calls.

    python az_server.py SOCKET SHIM     listens; writes SHIM, an `az` for PATH
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

WARM = (
    "azure.cli.command_modules.util.custom",
    "azure.cli.command_modules.acs.custom",
    "azure.cli.command_modules.acs.managed_cluster_decorator",
    "azure.cli.command_modules.cloud.custom",
    "azure.cli.command_modules.profile.custom",
    "azure.cli.core.util",
    "azure.mgmt.containerservice",
    "msal",
    "requests",
)
SHIM = """#!{python} -ISs
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({path!r})
said = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(s, [len(said).to_bytes(4, "big")], [0, 1, 2])
s.sendall(said)
sys.exit(int(s.recv(8) or b"1"))
"""


def serve(path: Path, shim: Path) -> None:
    """Until terminated."""
    from azure.cli.core import get_default_cli  # noqa: PLC0415 - what this file is about, and nobody else has it

    for name in WARM:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    shim.write_text(SHIM.format(python=sys.executable, path=str(path)), encoding="utf-8")
    shim.chmod(0o755)
    while True:
        caller, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(caller, get_default_cli)
        caller.close()


def _run(caller: socket.socket, get_cli: object) -> None:
    """In a process of its own, which ends here."""
    size, channels, _, _ = socket.recv_fds(caller, 4, 3)
    wanted, said = int.from_bytes(size, "big"), b""
    while len(said) < wanted:
        said += caller.recv(65536)
    arguments, environment, folder = json.loads(said)
    for number, channel in enumerate(channels):
        os.dup2(channel, number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    code = 1
    try:
        code = get_cli().invoke(arguments)  # type: ignore[operator]  # of a package that is not here
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - the end of this process, as of any other
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.send(str(code or 0).encode())
        os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
