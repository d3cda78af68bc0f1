"""Writes docs/CONFIGURATION.md from the models: `python -m gateway.config.docs`. A test compares the two."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.config.tree import GatewayConfig, json_schema

PAGE = Path("docs/CONFIGURATION.md")

_INTRODUCTION = """\
# Configuration

Generated from the code by `make config-doc`; do not edit.

One YAML file, given as `gateway serve --config gateway.yaml`. `gateway check --config gateway.yaml` says everything
that is wrong with it at once, with path and line; `gateway check --schema` prints its JSON Schema for editors. Unknown
fields are errors. Units are in the names: `_ms` is milliseconds, `_s` seconds. Relative paths start from the folder
of the file. Two complete examples: [azure-entra.yaml](../deploy/examples/azure-entra.yaml) and
[loopback.yaml](../deploy/examples/loopback.yaml).

Secrets never stand in the file. `key_file` names a file that holds one key and nothing else; without it the gateway
uses its Entra identity.
"""


def page() -> str:
    """The whole page."""
    schema = json_schema()
    sections: dict[str, list[str]] = {}
    _add(sections, schema, schema | {"description": GatewayConfig.__doc__}, "")
    return f"{_INTRODUCTION}\n" + "\n".join(line for lines in sections.values() for line in lines)


def _add(sections: dict[str, list[str]], root: dict[str, Any], section: dict[str, Any], path: str) -> None:
    """The table of one section, then those of the sections in it; each path once."""
    if path in sections:
        return
    fields = sorted(section["properties"].items(), key=lambda item: item[0] != "type")  # what it is comes first
    required = section.get("required", [])
    sections[path] = [
        f"## {f'`{path}`' if path else 'The file'}\n",
        inspect.cleandoc(section["description"]).splitlines()[0] + "\n",
        "| field | type | default | meaning |\n| --- | --- | --- | --- |",
        *(_row(root, name, field, required=name in required) for name, field in fields),
        "",
    ]
    for name, field in fields:
        for suffix, inner in _inner(root, field):
            _add(sections, root, inner, f"{path.partition(' (')[0]}.{name}{suffix}".lstrip("."))


def _row(root: dict[str, Any], name: str, field: dict[str, Any], *, required: bool) -> str:
    default = "required" if required else _default(field)
    return f"| `{name}` | {_type(root, field)} | {default} | {_oneline(field.get('description', ''))} |"


def _resolve(root: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    reference = field.get("$ref")
    return field if reference is None else root["$defs"][reference.rpartition("/")[2]]


def _inner(root: dict[str, Any], field: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sections that a field holds, each with what to append to the field's name."""
    field = _resolve(root, field)
    if field.get("type") == "array":
        yield from (("[]" + suffix, inner) for suffix, inner in _inner(root, field["items"]))
    elif "properties" in field:
        yield "", field
    choices = [_resolve(root, choice) for choice in field.get("oneOf", field.get("anyOf", []))]
    sections = [choice for choice in choices if "properties" in choice]
    for section in sections:
        yield f" ({_kinds(section)})" if len(sections) > 1 else "", section


def _kinds(section: dict[str, Any]) -> str:
    kind = section["properties"]["type"]
    return ", ".join(kind.get("enum", [kind.get("const")]))


def _type(root: dict[str, Any], field: dict[str, Any]) -> str:
    field = _resolve(root, field)
    if "const" in field:
        return f"`{json.dumps(field['const'])}`" if not isinstance(field["const"], str) else f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    choices = field.get("oneOf", field.get("anyOf"))
    if choices:
        return " or ".join(dict.fromkeys(_type(root, choice) for choice in choices))
    if field["type"] == "array":
        return f"list of {_type(root, field['items'])}"
    name = {"object": "section", "string": "text", "integer": "whole number", "boolean": "true or false"}
    return name.get(field["type"], str(field["type"])) + _range(field)


def _range(field: dict[str, Any]) -> str:
    low, above, high = field.get("minimum"), field.get("exclusiveMinimum"), field.get("maximum")
    bounds = [f"from {low}" if low is not None else "", f"above {above}" if above is not None else ""]
    bounds.append(f"to {high}" if high is not None else "")
    text = " ".join(filter(None, bounds))
    return f", {text}" if text else ""


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    if default is None:
        return "none"
    if isinstance(default, dict):
        return "as below"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`" if default != "" else "none"


def _oneline(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
