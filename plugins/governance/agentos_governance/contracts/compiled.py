"""Compiled contracts, kept by version, so that a call compiles nothing.

Above: the mandate. Below: judgement, model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from agentos_governance.contracts.judgement import CompiledContract, compile_contract
from agentos_governance.contracts.model import parse_contract

MAX_COMPILED = 1_000


class ContractCache:
    """The contracts used last, compiled.

    A version names a contract by 64 bits of its digest, for which two contracts can be searched;
    so what is kept answers only for the very document it was compiled from.
    """

    def __init__(self) -> None:
        self._compiled: OrderedDict[str, tuple[Mapping[str, Any], CompiledContract]] = OrderedDict()

    def get(self, version: str, document: Mapping[str, Any]) -> CompiledContract:
        """The compiled contract of a stored document."""
        found = self._compiled.get(version)
        if found is not None and found[0] == document:
            return found[1]
        compiled = compile_contract(parse_contract(document))
        self._compiled[version] = (document, compiled)
        if len(self._compiled) > MAX_COMPILED:
            self._compiled.popitem(last=False)
        return compiled
