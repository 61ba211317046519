"""Contracts by persona, from `presets.toml`: planner, executor, validator, reviewer, operator.

Above: create_work_order, list_contract_presets. Below: the contract model. A preset fills only
what a contract leaves out; what is written in the contract stands.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from agentos import InvalidArgumentError
from agentos_governance.contracts.model import Contract, parse_contract


@dataclass(frozen=True, slots=True)
class Preset:
    """A persona's contract; `contract.model_fields_set` are the fields that it sets."""

    name: str
    summary: str
    contract: Contract


@cache
def load_presets() -> Mapping[str, Preset]:
    """The presets that ship, by name."""
    text = files("agentos_governance.contracts").joinpath("presets.toml").read_text("utf-8")
    return {
        name: Preset(name, table["summary"], parse_contract(table["contract"]))
        for name, table in tomllib.loads(text).items()
    }


def get_preset(name: str) -> Preset:
    """A preset by name; InvalidArgumentError that lists the names."""
    try:
        return load_presets()[name]
    except KeyError:
        raise InvalidArgumentError(
            f"argument `preset` must be one of {', '.join(load_presets())}; not {name!r}"
        ) from None


def fill_from_preset(contract: Contract, preset: Preset) -> Contract:
    """The contract with the preset's value in every field that it leaves out."""
    given = {name: getattr(contract, name) for name in contract.model_fields_set}
    filled = {name: getattr(preset.contract, name) for name in preset.contract.model_fields_set}
    return Contract.model_validate({**filled, **given})
