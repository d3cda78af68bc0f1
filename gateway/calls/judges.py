"""An operator's own function that judges words: `moderation.python` of a line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TypeAlias

from gateway.config import ConfigError, GatewayConfig, Problem

TextJudge: TypeAlias = Callable[[str, str], bool]
"""Takes the side ("caller" or "agent") and the text; True: it is not to be heard."""


def load_judge(name: str) -> TextJudge:
    """The function "package.module:function".

    Raises:
        ValueError: there is none.
    """
    module, _, function = name.partition(":")
    try:
        judge: TextJudge = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name} can not be imported: {error}") from None
    except Exception as error:  # noqa: BLE001 - the operator's code, which may do anything
        raise ValueError(f"{name} can not be imported: its module fails with {type(error).__name__}") from None
    if not callable(judge):
        raise ValueError(f"{name} is no function")  # noqa: TRY004 - an operator's bad input
    return judge


def check_judges(config: GatewayConfig) -> None:
    """Import every function that lines name, so that no call is the first to find out that there is none.

    Raises:
        ConfigError: with a problem for each that can not be used.
    """
    problems = []
    for index, line in enumerate(config.lines):
        if line.moderation is None or line.moderation.python is None:
            continue
        try:
            load_judge(line.moderation.python)
        except ValueError as error:
            problems.append(Problem(("lines", index, "moderation", "python"), str(error)))
    if problems:
        raise ConfigError(problems)
