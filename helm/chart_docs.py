"""Writes what the chart says in two places from what it says in one.

    python helm/chart_docs.py

`values.yaml` has the values with a line of explanation each; the table of README.md is made from it. The configuration
of the gateway has a schema of its own; it is put into `values.schema.json` under `config`, so that a wrong field is
refused by `helm install` already. The rest of that schema, and of README.md, is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gateway.config import json_schema

CHART = Path(__file__).parent / "voice-gateway"
BEGIN, END = "<!-- values: made from values.yaml by helm/chart_docs.py -->", "<!-- end of values -->"
DEFINITIONS = "gateway"
"""Where the definitions of the gateway's schema go, beside those of the chart."""


class Value(NamedTuple):
    """One line of the table."""

    name: str
    default: str
    text: str


def values() -> Iterator[Value]:
    """Every documented value of values.yaml, in its order."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    known = yaml.safe_load(text)
    path: list[tuple[int, str]] = []
    words: list[str] = []
    for line in text.splitlines():
        comment = re.match(r"\s*# ?(-- )?(.*)", line)
        if comment:
            if comment[1]:
                words = []
            if comment[1] or words:
                words.append(comment[2])
            continue
        key = re.match(r"( *)(\w+):", line)
        if key is None:
            words = [] if not line.strip() else words
            continue
        indent, name = len(key[1]), key[2]
        path = [step for step in path if step[0] < indent] + [(indent, name)]
        if words:
            names = [step[1] for step in path]
            yield Value(".".join(names), json.dumps(_at(known, names)), " ".join(words))
            words = []


def undocumented() -> list[str]:
    """Values that are not in the table, and do not hold any that are."""
    known = {value.name for value in values()}
    tree = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return [name for name in _leaves(tree) if not any(name == one or name.startswith(f"{one}.") for one in known)]


def table() -> str:
    rows = [f"| `{value.name}` | `{value.default}` | {value.text} |" for value in values()]
    return "\n".join(["| value | default | |", "|---|---|---|", *rows])


def schema() -> str:
    """values.schema.json with the gateway's own schema as of now."""
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    own = json_schema()
    definitions = own.pop("$defs")
    for drop in ("$schema", "title", "description"):
        own.pop(drop, None)
    moved: dict[str, Any] = json.loads(json.dumps(own).replace("#/$defs/", f"#/$defs/{DEFINITIONS}/$defs/"))
    inner: dict[str, Any] = json.loads(json.dumps(definitions).replace("#/$defs/", f"#/$defs/{DEFINITIONS}/$defs/"))
    found["$defs"][DEFINITIONS] = {"$defs": inner, **moved}
    return json.dumps(_without_descriptions(found), indent=1) + "\n"


def readme() -> str:
    """README.md with the table as of now."""
    text = (CHART / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _at(tree: Any, names: list[str]) -> Any:
    for name in names:
        tree = tree[name]
    return tree


def _leaves(tree: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def _without_descriptions(tree: Any) -> Any:
    """Helm shows none of them, and they are most of the file."""
    if isinstance(tree, dict):
        return {
            name: _without_descriptions(value)
            for name, value in tree.items()
            if not (name in ("description", "title") and isinstance(value, str))
        }
    return [_without_descriptions(value) for value in tree] if isinstance(tree, list) else tree


def main() -> None:
    (CHART / "values.schema.json").write_text(schema(), encoding="utf-8")
    (CHART / "README.md").write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    main()
