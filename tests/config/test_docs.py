from pathlib import Path

from gateway.config.docs import page


def test_the_page_matches_the_code() -> None:
    written = Path(__file__).parents[2] / "docs" / "CONFIGURATION.md"

    assert written.read_text(encoding="utf-8") == page(), "run: make config-doc"
