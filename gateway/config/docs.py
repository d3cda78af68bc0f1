"""Writes docs/CONFIGURATION.md from the models: `python -m gateway.config.docs`. A test compares the two."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.config.templates import CONTEXT, VARIABLES
from gateway.config.tree import GatewayConfig, json_schema

PAGE = Path("docs/CONFIGURATION.md")

_INTRODUCTION = """\
# Configuration

Generated from the code by `make config-doc`; do not edit.

One YAML file, given as `gateway serve --config gateway.yaml`. `gateway check --config gateway.yaml` says everything
that is wrong with it at once, with path and line; `gateway check --schema` prints its JSON Schema for editors. Unknown
fields are errors. Units are in the names: `_ms` is milliseconds, `_s` seconds. Relative paths start from the folder
of the file. Complete examples: [azure-entra.yaml](../deploy/examples/azure-entra.yaml),
[loopback.yaml](../deploy/examples/loopback.yaml) and, for a container,
[loopback-image.yaml](../deploy/examples/loopback-image.yaml), every option of an agent in
[agent-options.yaml](../deploy/examples/agent-options.yaml), and a line with people, keys and manners in
[support-line.yaml](../deploy/examples/support-line.yaml), which [AGENTS.md](AGENTS.md) arrives at step by step.

At the end of the page: [variables of a call](#variables-of-a-call), and
[what is left out](#what-is-left-out) of a Voice Live session.

Secrets never stand in the file. `key_file` names a file that holds one key and nothing else; without it the gateway
uses its Entra identity.
"""

_VARIABLES = f"""\
## Variables of a call

`instructions` and `greeting` of an agent may hold `{{{{name}}}}`. A name that is not known is an error.

| variable | value |
| --- | --- |
{"".join(f"| `{name}` | {meaning} |{chr(10)}" for name, meaning in VARIABLES.items())}\
| `{CONTEXT}NAME` | custom header: `X-MS-Custom-NAME`, `User-To-User`, or one of a VoIP call; empty without it |

Whoever places or passes on a call sets its headers. So the instructions only refer to them, and their values come once,
at the end, as one line of JSON behind a sentence that says that it is data. In a greeting a value is spoken if it looks
like a name or a number (at most 4 words and 40 characters), and left out otherwise. The caller's number is no variable:
what a model is told it may say aloud or pass on; nor is the caller's country, which a calling code does not reliably
tell.

Put variables at the end of the instructions: the model's prompt cache works by beginnings that are the same in every
call, and cached tokens cost provisioned throughput little or nothing.
"""

LEFT_OUT = {
    "modalities": "always text and audio: the call is spoken, and the words are needed to know what was heard",
    "input_audio_format": "`input_format` of the deployment",
    "input_audio_sampling_rate": "`input_format` of the deployment",
    "output_audio_format": "`output_format` of the deployment",
    "output_audio_timestamp_types": "`word_timestamps`; there is one type",
    "metadata": "holds the call id, which the service writes to its logs; nothing of the caller belongs there",
    "include": "likelihoods of transcripts and parts of them: nothing here would read them",
    "animation": "a phone shows no face",
    "avatar": "a phone shows no face",
}
"""Fields of a Voice Live session that are no fields of an agent, with the reason."""

_LEFT_OUT = f"""\
## What is left out

An agent has what a session of Voice Live has, under the same names where it can, but for these:

| of a session | why |
| --- | --- |
{"".join(f"| `{name}` | {why} |{chr(10)}" for name, why in LEFT_OUT.items())}\
| `create_response`, `auto_truncate` | of `turn_detection`: answers are wanted, and truncation follows what was heard |
| `smart_end_of_turn_detection` | a preview |
| voices `azure-realtime-native`, `avatar-voice-sync` | of a model that is not yours, and of avatars |
| `echo_cancellation.channels`, `reference_source` | the phone stream has one channel, and no reference in it |
| `truncation_strategy`, `greeting`, `handoff` | appear in answers of the service, and are not documented |
"""


def page() -> str:
    """The whole page."""
    schema = json_schema()
    sections: dict[str, list[str]] = {}
    _add(sections, schema, schema | {"description": GatewayConfig.__doc__}, "")
    tables = "\n".join(line for lines in sections.values() for line in lines)
    return f"{_INTRODUCTION}\n{tables}\n{_VARIABLES}\n{_LEFT_OUT}"


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
    sections = [choice for choice in _choices(root, field) if "properties" in choice]
    for section in sections:
        yield f" ({_kinds(section)})" if len(sections) > 1 else "", section


def _choices(root: dict[str, Any], field: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a field may be instead of one thing, also where a choice is a choice itself ("one of these, or null")."""
    for choice in field.get("oneOf", field.get("anyOf", [])):
        resolved = _resolve(root, choice)
        yield resolved
        yield from _choices(root, resolved)


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
