"""Pydantic's errors, in words for the person who wrote the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.problem import Location, Problem
from gateway.config.suggest import did_you_mean
from gateway.config.tree import GatewayConfig

USE_KEY_FILE = "secrets do not stand in this file: write the key into a file of its own and name that in key_file"

_SECRET_FIELD = re.compile(r"(?i)(^|_)(key|token|secret|password|credential|connection_?string)$")
_QUOTED = re.compile(r"'([^']*)'")
_OTHERWISE = {
    "numbers": "or a list of numbers",
    "capacity": "or {ptu_units: ..., ptu_model: ...}",
    "max_response_output_tokens": "or a whole number",
}
"""What a field takes instead of its one fixed word."""
_LANGUAGE = "a language tag, such as en-US"
_SPELLING = {
    "language": _LANGUAGE,
    "other_languages": _LANGUAGE,
    "prefer_locales": _LANGUAGE,
    "locale": _LANGUAGE,
    "languages": _LANGUAGE,
    "custom_speech": f"{_LANGUAGE}, then the id of a model",
    "numbers": 'write "+" and 7 to 15 digits in quotes, such as "+15555550100"',
    "name": "letters, digits, dot, dash and underscore, at most 64",
    "resource_id": "the account itself: /subscriptions/<id>/resourceGroups/<group>/providers/"
    "Microsoft.CognitiveServices/accounts/<account>",
    "topic": "the resource's id in Azure Resource Manager: /subscriptions/...",
}


def explain(error: ValidationError) -> list[Problem]:
    """One problem for each of pydantic's errors."""
    return [_problem(details) for details in error.errors(include_url=False) if not _only_follows(details)]


def _only_follows(details: ErrorDetails) -> bool:
    """A list that is too short for pydantic because its entries are wrong, which is reported for themselves."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _problem(details: ErrorDetails) -> Problem:
    location, tags = _without_tags(details)
    context = details.get("ctx", {})
    is_key = location[-1:] == ("[key]",)  # pydantic's word behind a key that is wrong itself
    location = location[:-1] if is_key else location
    names = location[:-1] if is_key else location
    field = next((step for step in reversed(names) if isinstance(step, str)), "")
    message, hint = details["msg"].removeprefix("Input "), ""
    match details["type"]:
        case "extra_forbidden":
            message, hint = "unknown field", _unknown_field_hint(location, tags)
        case "missing" | "union_tag_not_found":
            message = "is missing"
        case "value_error":
            message = str(context["error"])
        case "literal_error" | "enum":
            message = f"must be {context['expected']}"
            hint = _OTHERWISE.get(field) or _closest(details["input"], context["expected"])
        case "union_tag_invalid":
            message, hint = f"must be {context['expected_tags']}", _closest(context["tag"], context["expected_tags"])
        case "string_pattern_mismatch":
            message, hint = "is not written as it must be", _SPELLING.get(field, "")
        case "string_type" if isinstance(details["input"], int | float):
            message, hint = "should be text, not a number", "put it in quotes"
        case "model_type" | "model_attributes_type":
            message = "should be a mapping of fields"
        case "too_short":
            message = "must not be empty"
        case _:
            pass  # pydantic's own words are good enough
    return Problem(location, message, hint)


def _closest(value: Any, expected: str) -> str:
    """Compares what was written with the allowed words; shows only an allowed word."""
    if isinstance(value, bool):
        return "YAML reads on, off, yes and no as true and false; put it in quotes, or write null for none"
    return did_you_mean(str(value), _QUOTED.findall(expected))


def _unknown_field_hint(location: Location, tags: set[str]) -> str:
    *parent, name = location
    if _SECRET_FIELD.search(str(name)):
        return USE_KEY_FILE
    model = _model_at(tuple(parent), tags)
    known = [] if model is None else list(model.model_fields)
    return did_you_mean(str(name), known) or (f"known here: {', '.join(known)}" if known else "")


# --- pydantic puts the tag of a union into a location; people do not see it in the file ------------------------------

_TAGS = frozenset(
    {
        *("openai", "azure-standard", "azure-custom", "azure-personal"),
        *("azure_semantic_vad", "azure_semantic_vad_en", "azure_semantic_vad_multilingual"),
        *("server_vad", "semantic_vad"),
        *("pay_as_you_go", "ptu"),
        *("static_interim_response", "llm_interim_response"),
        *("no_limit", "token_limit"),
        *("any_number", "listed_numbers"),
    }
)
"""No field is called like one of these."""


def _without_tags(details: ErrorDetails) -> tuple[Location, set[str]]:
    """The location as in the file (a tag stands in the field `type`), and the tags that stood in pydantic's."""
    location = details["loc"]
    own = len(location) - (details["type"] == "extra_forbidden")  # an unknown field may have any name
    tags = {step for step in location[:own] if isinstance(step, str) and step in _TAGS}
    kept = tuple(step for index, step in enumerate(location) if index >= own or step not in tags)
    return (*kept, "type") if details["type"].startswith("union_tag") else kept, tags


def _model_at(location: Location, tags: set[str]) -> type[BaseModel] | None:
    """The section at `location`; which one of a union the tags say."""
    model: type[BaseModel] | None = GatewayConfig
    for step in location:
        if isinstance(step, int) or model is None:
            continue
        field = model.model_fields.get(step)
        models = [] if field is None else list(_models(field.annotation))
        model = next((each for each in models if _tag(each) & tags), models[0] if models else None)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _tag(model: type[BaseModel]) -> set[str]:
    field = model.model_fields.get("type")
    return set() if field is None else set(get_args(field.annotation))
