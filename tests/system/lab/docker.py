"""`docker build` and `docker run` of the pages, by buildah and runc; their test puts it before `docker` in PATH."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.system.lab import container

TAGS = {"voice-gateway:1": "localhost/voice-gateway:page"}


def main() -> int:
    parser = argparse.ArgumentParser("docker")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build")
    build.add_argument("--build-arg", action="append", default=[])
    build.add_argument("-t", dest="tag", required=True)
    build.add_argument("folder")
    run = commands.add_parser("run")
    for option in ("--rm", "--read-only"):
        run.add_argument(option, action="store_true")
    for option in ("--network", "--tmpfs", "--cap-drop"):
        run.add_argument(option)
    run.add_argument("-v", dest="volumes", action="append", default=[])
    run.add_argument("image")
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if args.command == "build":
        container.build(TAGS[args.tag], dict(pair.split("=", 1) for pair in args.build_arg))
        return 0
    mounts = {}
    for volume in args.volumes:
        outside, inside, _mode = volume.split(":")
        mounts[Path(outside)] = inside
    wanted = container.Wanted(arguments=args.arguments, mounts=mounts)
    tag = TAGS[args.image]
    with container.mounted(tag) as root, container.running(wanted, root, tag) as running:
        signal.signal(signal.SIGTERM, lambda *_: running.signal(signal.SIGTERM))
        code = running.wait(600)
        sys.stdout.write(running.log)
    return code


if __name__ == "__main__":
    sys.exit(main())
