"""What one provisioned unit carries, by model: the published table as data.

The numbers change between versions of the page they come from, so they stand in ptu_models.yaml with their date and
not in code. An operator's own table (`ptu_table_file`) has the same format; its rows replace or join these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import yaml


class Kind(StrEnum):
    """How a deployment is sold."""

    GLOBAL = "global"  # and data zone: the same sizes
    REGIONAL = "regional"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Which numbers of units are sold: `minimum`, then more by `step`."""

    minimum: int
    step: int

    def units_for(self, units: float) -> int:
        """The smallest size on sale that has at least this many units."""
        steps = math.ceil(round((units - self.minimum) / self.step, 9))
        return self.minimum + max(0, steps) * self.step

    def __str__(self) -> str:
        return f"{self.minimum} and steps of {self.step}"


@dataclass(frozen=True, slots=True)
class PtuModel:
    """One row of the table."""

    name: str
    tpm_per_ptu: float
    output: float | None
    """None: the source gives no ratio, so a deployment has to"""
    cached_input: float
    cache_write: float
    long_context: Mapping[str, float] | None
    """weights of `ptu.LongContext`, where the model has such"""
    long_context_above: int | None
    """text tokens of a prompt; None where the source names no limit"""
    sizes: Mapping[Kind, Sizes]
    """kinds that are missing are not sold"""
    date: str
    """of the text that has this row"""


@dataclass(frozen=True, slots=True)
class PtuTable:
    source: str
    date: str
    models: Mapping[str, PtuModel]

    def with_rows_of(self, other: PtuTable) -> PtuTable:
        """This table where `other` says nothing."""
        return PtuTable(self.source, self.date, {**self.models, **other.models})


@cache
def ptu_table() -> PtuTable:
    """The table that ships with the package."""
    text = resources.files(__package__).joinpath("ptu_models.yaml").read_text(encoding="utf-8")
    return table_of(yaml.safe_load(text))


def table_of(raw: Mapping[str, Any]) -> PtuTable:
    """The table that a file in the format of ptu_models.yaml holds; whoever read it has checked it."""
    date = str(raw["date"])
    models = {name: _model(name, row, date) for name, row in raw["models"].items()}
    return PtuTable(source=raw["source"], date=date, models=models)


def _model(name: str, row: Mapping[str, Any], date: str) -> PtuModel:
    return PtuModel(
        name=name,
        tpm_per_ptu=row["tpm_per_ptu"],
        output=row.get("output"),
        cached_input=row.get("cached_input", 0.0),
        cache_write=row.get("cache_write", 1.0),
        long_context=row.get("long_context"),
        long_context_above=row.get("long_context_above"),
        sizes={kind: Sizes(*row[kind]) for kind in Kind if row.get(kind) is not None},
        date=str(row.get("date", date)),
    )
