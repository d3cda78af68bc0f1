from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import strategies as st


@pytest.fixture(scope="session", autouse=True)
def table_of_characters() -> None:
    """Hypothesis works out its table of all characters before any test is timed.

    In a fresh checkout that takes more than a second, which would count as a too slow strategy of the first test that
    draws text.
    """
    st.text().validate()


@pytest.fixture
def own_logs() -> Iterator[None]:
    """For tests that set up logging: the tests after them log as if nothing had been.

    Loggers of modules keep what was set up at their first line, and would write to the stream of a test that is over.
    """
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    structlog.reset_defaults()
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for name, module in list(sys.modules.items()):
        logger = getattr(module, "log", None) if name.startswith("gateway.") else None
        if logger is not None:
            vars(logger).pop("bind", None)
