"""Which reader understands a file: by its name, and by how it begins.

Above: the parsing process. Below: the readers, loaded when they are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import PurePosixPath

from agentos_memory.references.archives import is_bundle
from agentos_memory.references.man_pages import is_man_page, read_man_page
from agentos_memory.references.sections import Document

_HERE = "agentos_memory.references."
_MARKDOWN = ("markdown", "read_markdown")
_HTML = ("hypertext", "read_html")
_TEXT = ("plain_text", "read_plain_text")
_DATA = ("data_files", "read_data_file")
_PDF = ("pdf", "read_pdf")

READERS: Mapping[str, tuple[str, str]] = {
    ".md": _MARKDOWN,
    ".markdown": _MARKDOWN,
    ".mdx": _MARKDOWN,
    ".rst": ("restructured_text", "read_restructured_text"),
    ".html": _HTML,
    ".htm": _HTML,
    ".xhtml": _HTML,
    ".txt": _TEXT,
    ".text": _TEXT,
    "": _TEXT,
    ".json": _DATA,
    ".yaml": _DATA,
    ".yml": _DATA,
    ".pdf": _PDF,
}
KNOWN = (
    "Markdown, reStructuredText, HTML, plain text, OpenAPI, JSON Schema, PDF, manual pages, wheels, "
    "source distributions, npm tarballs, source jars"
)


def read_document(name: str, content: bytes) -> Document:
    """The document in a file of this name.

    Raises ValueError, whose message says what is wrong, where none can be read from it.
    """
    if is_bundle(name):
        from agentos_memory.references.bundles import read_bundle

        return read_bundle(name, content)
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in READERS and is_man_page(name, content):
        return read_man_page(content)
    reader = _PDF if content.startswith(b"%PDF-") else READERS.get(suffix)
    if reader is None:
        raise ValueError(f"no reader claims the suffix {suffix!r}; known are {KNOWN}")
    module, function = reader
    document: Document = getattr(import_module(_HERE + module), function)(content)
    return document
