"""The tools of the memory plugin: their arguments, results and descriptions for models."""

from agentos_memory.tools.code import index_repository, search_code
from agentos_memory.tools.code_paths import explain_code_path
from agentos_memory.tools.graph import trace_symbol_dependencies
from agentos_memory.tools.knowledge import find_paths, query_graph
from agentos_memory.tools.observations import create_observation, search_observations
from agentos_memory.tools.references import (
    add_reference,
    get_reference,
    list_references,
    remove_reference,
    search_references,
)
from agentos_memory.tools.timeline import list_observations
from agentos_memory.tools.transfer import import_observations

TOOLS = (
    index_repository,
    search_code,
    trace_symbol_dependencies,
    explain_code_path,
    find_paths,
    query_graph,
    create_observation,
    search_observations,
    list_observations,
    import_observations,
    add_reference,
    search_references,
    get_reference,
    list_references,
    remove_reference,
)

__all__ = ["TOOLS"]
