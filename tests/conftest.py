from __future__ import annotations

import pytest
from hypothesis import strategies as st


@pytest.fixture(scope="session", autouse=True)
def table_of_characters() -> None:
    """Hypothesis works out its table of all characters before any test is timed.

    In a fresh checkout that takes more than a second, which would count as a too slow strategy of the first test that
    draws text.
    """
    st.text().validate()
