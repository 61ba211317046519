"""The tools of the memory plugin: their arguments, results and descriptions for models."""

from agentos_memory.tools.code import index_repository, search_code
from agentos_memory.tools.graph import explain_code_path, trace_symbol_dependencies
from agentos_memory.tools.observations import create_observation, search_observations

TOOLS = (
    index_repository,
    search_code,
    trace_symbol_dependencies,
    explain_code_path,
    create_observation,
    search_observations,
)

__all__ = ["TOOLS"]
