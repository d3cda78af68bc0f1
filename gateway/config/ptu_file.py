"""`ptu_table_file`: an operator's own rows of the PTU table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from gateway.capacity.ptu_table import PtuTable, ptu_table, table_of
from gateway.config.fields import PTU_TABLE, Section, Text
from gateway.config.problem import Problem
from gateway.config.strict_yaml import StrictLoader
from gateway.config.suggest import did_you_mean

FIELD = "ptu_table_file"
MAX_BYTES = 1 << 20
"""The published table is a hundredth of it."""
MAX_ROWS = 1000

Weight = Annotated[float, Field(ge=0, le=1000)]
Size = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
"""The smallest number of units, and the step to the next."""


class LongContextRow(Section):
    """Weights of a response with a long prompt."""

    input: Weight
    cached_input: Weight
    cache_write: Weight
    output: Weight


class Row(Section):
    """What one unit carries of one model; the fields are explained at the top of ptu_models.yaml."""

    model_config = ConfigDict(populate_by_name=True)

    tpm_per_ptu: Annotated[float, Field(gt=0)]
    output: Weight | None = None
    cached_input: Weight = 0.0
    cache_write: Weight = 1.0
    long_context: LongContextRow | None = None
    long_context_above: Annotated[int, Field(gt=0)] | None = None
    global_: Annotated[Size | None, Field(alias="global")] = None
    regional: Size | None = None
    date: dt.date | None = None

    @model_validator(mode="after")
    def _sold(self) -> Self:
        if self.global_ is None and self.regional is None:
            raise ValueError("is sold in no size: global or regional is needed, such as [15, 5]")
        if self.long_context_above is not None and self.long_context is None:
            raise ValueError("long_context_above needs the weights in long_context")
        return self


class TableFile(Section):
    source: Text
    date: dt.date
    models: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")], Row],
        Field(min_length=1, max_length=MAX_ROWS),
    ]


def own_table(raw: dict[str, Any], directory: Path) -> tuple[dict[str, PtuTable | None], list[Problem]]:
    """What validation needs of the table: the one that ships, under the rows of the file that `raw` names.

    Returns:
        Validation context, with None for a table that can not be used, so that nothing is said of models which it may
        have; and what is wrong with it, each with the row.
    """
    name = raw.get(FIELD)
    if not isinstance(name, str):
        return {PTU_TABLE: ptu_table()}, []
    problems = []
    try:
        return {PTU_TABLE: ptu_table().with_rows_of(read_table(directory / Path(name).expanduser()))}, []
    except OSError as error:
        problems.append(Problem((FIELD,), f"{name} can not be read: {error.strerror}"))
    except ValidationError as error:
        problems += [Problem((FIELD,), f"{name}: {text}") for text in _explained(error)]
    except ValueError as error:  # also UnicodeDecodeError
        problems.append(Problem((FIELD,), f"{name}: {error}"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f"line {mark.line + 1}: "
        problems.append(Problem((FIELD,), f"{name}: {where}not YAML: {getattr(error, 'problem', None) or 'no text'}"))
    return {PTU_TABLE: None}, problems


def read_table(path: Path) -> PtuTable:
    """Read and check a table in the format of the one that ships.

    Raises:
        OSError, ValueError, yaml.YAMLError, pydantic.ValidationError: it can not be used.
    """
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES} bytes")
    raw = yaml.load(content.decode("utf-8"), StrictLoader)  # noqa: S506 - a safe loader, and a stricter one
    if not isinstance(raw, dict):
        raise ValueError("should be a mapping of source, date and models")  # noqa: TRY004 - of the file, not of a caller
    checked = TableFile.model_validate(raw)
    return table_of(checked.model_dump(mode="json", by_alias=True, exclude_none=True))


def _explained(error: ValidationError) -> Iterator[str]:
    """One line for each of pydantic's errors, with the row; never the value."""
    for details in error.errors(include_url=False, include_input=False):
        way = [str(step) for step in details["loc"] if step != "[key]"]
        message = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if details["type"] == "extra_forbidden":
            section = LongContextRow if "long_context" in way[:-1] else Row if len(way) > 1 else TableFile
            known = [field.alias or name for name, field in section.model_fields.items()]
            hint = did_you_mean(way[-1], known) or f"known here: {', '.join(known)}"
            message = f"unknown field; {hint}"
        elif details["type"] == "missing":
            message = "is missing"
        yield f"{'.'.join(way)}: {message}"
