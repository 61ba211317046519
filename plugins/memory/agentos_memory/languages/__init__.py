"""The languages that are analysed; adding one means adding a declaration to `LANGUAGES`."""

from agentos_memory.languages.bash import BASH
from agentos_memory.languages.c_family import CPP, C
from agentos_memory.languages.configuration import DOCKERFILE, HCL, JSON, SQL, TOML
from agentos_memory.languages.csharp import CSHARP
from agentos_memory.languages.declaration import Extractor, Language
from agentos_memory.languages.go import GO
from agentos_memory.languages.go_modules import GO_MODULE
from agentos_memory.languages.java import JAVA
from agentos_memory.languages.node_config import NODE_CONFIG
from agentos_memory.languages.php import PHP
from agentos_memory.languages.python import PYTHON
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.registry import Languages
from agentos_memory.languages.ruby import RUBY
from agentos_memory.languages.rust import RUST
from agentos_memory.languages.syntax import Call, Syntax
from agentos_memory.languages.typescript import TYPESCRIPT
from agentos_memory.languages.yaml import YAML

LANGUAGES: tuple[Language, ...] = (
    PYTHON, TYPESCRIPT, GO, NODE_CONFIG, GO_MODULE, RUST, JAVA, C, CPP, CSHARP, RUBY, PHP, BASH,
    SQL, YAML, TOML, JSON, DOCKERFILE, HCL,
)  # fmt: skip

IN_USE = Languages(LANGUAGES)

__all__ = [
    "IN_USE",
    "LANGUAGES",
    "Call",
    "Extractor",
    "Language",
    "QueriedExtractor",
    "Syntax",
    "find_language",
]


def find_language(path: str) -> Language | None:
    """The language in use that claims the path's suffix, or None."""
    return IN_USE.find(path)
