"""Writes the parts of the docs that are made from the code: hooks, tools, the public API.

python scripts/write_reference.py          # rewrite docs/plugins.md, docs/tools.md, docs/api.md
python scripts/write_reference.py --check  # exit 1 where they do not say what the code says
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

from api_reference import api_page

import agentos.hookspecs
import agentos_governance.hookspecs
import agentos_memory.hookspecs
from agentos import Tool
from agentos.plugins import default_plugins, load_plugins
from agentos.profiles import LISTABLE, is_listed

DOCS = Path(__file__).resolve().parent.parent / "docs"


def hook_table(module: ModuleType) -> str:
    """A table of a hookspec module: exact signature, and the first paragraph of its contract."""
    rows = ["| hook | when, and what it is for |", "| --- | --- |"]
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef):
            returns = ast.unparse(node.returns) if node.returns else "None"
            signature = f"{node.name}({ast.unparse(node.args)}) -> {returns}"
            text = " ".join((ast.get_docstring(node) or "").split()).replace("|", "\\|")
            rows.append(f"| `{signature.replace('|', chr(92) + '|')}` | {text} |")
    return "\n".join(rows)


def between(text: str, name: str, content: str) -> str:
    """`text` with what stands between the markers of `name` replaced."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n\n{content}\n\n{end}", text)


def plugins_page() -> str:
    """docs/plugins.md with its hook tables as the code has them."""
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    text = between(text, "kernel hooks", hook_table(agentos.hookspecs))
    text = between(text, "governance hooks", hook_table(agentos_governance.hookspecs))
    return between(text, "memory hooks", hook_table(agentos_memory.hookspecs))


def tools_page() -> str:
    """docs/tools.md: every tool that ships, with what a model reads of it."""
    manager = load_plugins(default_plugins())
    tools = [tool for answer in manager.hook.register_tools() for tool in answer]
    sections = [_tool_section(tool) for tool in sorted(tools, key=lambda tool: tool.name)]
    head = (
        "# Tools\n\nWhat an MCP client sees, made from the code by `scripts/write_reference.py`.\n"
    )
    return head + "\n" + "\n\n".join(sections) + "\n"


def _tool_section(tool: Tool) -> str:
    required = set(tool.input_schema.get("required", []))
    properties = tool.input_schema.get("properties", {})
    kind = "read-only" if tool.is_read_only else f"writes {', '.join(sorted(tool.writes))}"
    profiles = [name for name in LISTABLE if is_listed(tool, name)]
    shown = f"listed for {', '.join(profiles)}" if profiles else "in no list but that of `all`"
    lines = [f"## {tool.name}", "", tool.description, "", f"*{kind}; {shown}*", ""]
    for name, schema in properties.items():
        mark = "" if name in required else "?"
        description = schema.get("description", "")
        lines.append(f"- `{name}{mark}`" + (f": {description}" if description else ""))
    results = ", ".join(f"`{name}`" for name in tool.output_schema.get("properties", {}))
    lines += ["", f"Answers {results}."]
    return "\n".join(lines)


def main() -> int:
    pages = {"plugins.md": plugins_page(), "tools.md": tools_page(), "api.md": api_page()}
    stale = []
    for name, text in pages.items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        print(f"docs/{', docs/'.join(stale)}: not what the code says; run {sys.argv[0]}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
