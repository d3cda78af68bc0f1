"""`helm lint` and `helm template` of the pages, by Helm's library; their test puts it before `helm` in PATH."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import helm_python
import yaml


def main() -> int:
    parser = argparse.ArgumentParser("helm")
    commands = parser.add_subparsers(dest="command", required=True)
    lint, template = commands.add_parser("lint"), commands.add_parser("template")
    template.add_argument("name")
    template.add_argument("--namespace", default="default")
    for command in (lint, template):
        command.add_argument("chart")
        command.add_argument("--values", type=Path, required=True)
    args = parser.parse_args()
    values = yaml.safe_load(args.values.read_text(encoding="utf-8"))
    if args.command == "lint":
        report = helm_python.lint(args.chart, values, strict=True)
        print("\n".join(map(str, report["errors"])))
        return 1 if report["errors"] else 0
    rendered = helm_python.Chart.load(args.chart).render(values, name=args.name, namespace=args.namespace)
    for path, text in rendered.items():
        if not path.endswith("NOTES.txt"):
            print(f"---\n# Source: {path}\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
