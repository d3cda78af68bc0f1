"""From a YAML file to a checked configuration; everything that is wrong is said at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gateway.config.accessibility import eased
from gateway.config.compatibility import compatibility_problems
from gateway.config.explain import explain
from gateway.config.fields import DIRECTORY
from gateway.config.languages import language_problems
from gateway.config.problem import ConfigError, Location, Problem
from gateway.config.ptu_file import own_table
from gateway.config.references import reference_problems
from gateway.config.residency import residency_problems
from gateway.config.secrets import inline_secrets
from gateway.config.strict_yaml import StrictLoader
from gateway.config.tree import GatewayConfig

MAX_BYTES = 1 << 20
"""A configuration of hundreds of lines and agents is far below this; a wrong path may lead to anything."""


def load(path: Path) -> GatewayConfig:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file can not be read or holds something wrong; every problem with its path and line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise ConfigError([Problem((), f"{path} can not be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem((), f"{path} is not UTF-8 text")]) from None
    if len(content) > MAX_BYTES:
        raise ConfigError([Problem((), f"{path} is larger than {MAX_BYTES} bytes")])
    raw, root = _read_yaml(text)
    try:
        return parse(raw, path.parent)
    except ConfigError as error:
        raise ConfigError(_with_lines(error.problems, root)) from None


def parse(raw: Any, directory: Path = Path()) -> GatewayConfig:
    """Check a configuration that is already in memory.

    Args:
        raw: what a YAML or JSON file would hold.
        directory: where relative paths start.

    Raises:
        ConfigError: every problem with its path.
    """
    if not isinstance(raw, dict):
        raise ConfigError([Problem((), "the file should be a mapping that starts with version: 1")])
    tables, table_problems = own_table(raw, directory)
    problems = [*inline_secrets(raw), *table_problems]
    config = None
    try:
        config = GatewayConfig.model_validate(raw, context={DIRECTORY: directory, **tables})
    except ValidationError as error:
        problems += explain(error)
    problems += reference_problems(raw)
    if config is not None and not problems:
        problems += [*compatibility_problems(config), *language_problems(config), *residency_problems(config)]
    if config is None or problems:
        raise ConfigError(problems)
    return eased(config)


# --- YAML -------------------------------------------------------------------------------------------------------------


def _read_yaml(text: str) -> tuple[Any, yaml.Node | None]:
    try:
        loader = StrictLoader(text)
        root = loader.get_single_node()
        return (None if root is None else loader.construct_document(root)), root
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise ConfigError([Problem((), f"not YAML: {error.problem or error.context}", line=line)]) from None
    except yaml.YAMLError:
        raise ConfigError([Problem((), "not YAML: it contains characters that YAML does not allow")]) from None


def _with_lines(problems: tuple[Problem, ...], root: yaml.Node | None) -> list[Problem]:
    placed = [dataclasses.replace(problem, line=_line(root, problem.location)) for problem in problems]
    return sorted(placed, key=lambda problem: problem.line or 0)


def _line(node: yaml.Node | None, location: Location) -> int | None:
    """Where `location` stands, or the part of it that exists."""
    line = None if node is None else node.start_mark.line + 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line
