"""Variables in texts: which there are, and what is said of those that are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import ConfigError, parse
from gateway.config.templates import VARIABLES, check_greeting, check_instructions, fill, variables_of

Changed = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("name", [*VARIABLES, "context.ticket", "context.User-To-User", "context.a.b_c"])
def test_what_may_stand_in_a_text(name: str) -> None:
    text = f"a {{{{{name}}}}} b {{{{ {name} }}}}"
    check_instructions(text)

    assert list(variables_of(text)) == [name, name]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("\n\nIt is {{tiem}}.", "line 3 of the text has {{ without a known variable behind it; did you mean time?"),
        ("{{contxt.NAME}}", "did you mean context.NAME?"),
        ("{{caller.number}}", "known variables: line, agent, language, date,"),
        ("{{}}", "known variables"),
        ("{{line", "known variables"),
        ("{{{line}}}", "known variables"),
        ("{{line | upper}}", "known variables"),
        ("{{context.}}", "without a known variable"),
        ("{{context.X-MS-Custom-ticket}}", "without a known variable"),
        ("{{context." + "x" * 65 + "}}", "without a known variable"),
    ],
)
def test_what_may_not(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=r"has \{\{ without") as caught:
        check_instructions(text)

    assert hint in str(caught.value)


def test_english_words_are_for_english_greetings() -> None:
    check_greeting("Good {{part_of_day}}", "en-GB")
    check_greeting("Guten Tag, {{line}}", "de-DE")
    with pytest.raises(ValueError, match="English"):
        check_greeting("Guten {{part_of_day}}", "de-DE")


def test_values_are_filled_in_once() -> None:
    assert (
        fill("{{line}}-{{agent}}", lambda name: f"{{{{{name}}}}}{{{{line}}}}") == "{{line}}{{line}}-{{agent}}{{line}}"
    )


@given(st.text("{} abline\n"))
def test_a_text_that_passes_has_no_braces_left_over(text: str) -> None:
    try:
        check_instructions(text)
    except ValueError:
        assert "{{" in text
    else:
        assert "{{" not in fill(text, lambda _: "")


@pytest.mark.parametrize("field", ["instructions", "greeting"])
def test_the_place_is_named(changed: Changed, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed("agents", 0, field, "Hello {{agnet}}"))

    (problem,) = caught.value.problems
    assert str(problem).startswith(f"agents[0].{field}: line 1 of the text")
    assert problem.message.endswith("did you mean agent?")
