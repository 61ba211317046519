"""A work report as one HTML page without scripts, links or anything to load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from agentos.cli.answers import answers, headline
from agentos.cli.output import printable

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "section{border:1px solid #8884;border-radius:8px;padding:.2rem 1rem 1rem;margin:1rem 0}"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin:.6rem 0 .2rem}p{margin:.2rem 0 .6rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0;"
    "border-bottom:1px solid #8882}td{overflow-wrap:anywhere;white-space:pre-wrap}"
    "ul{margin:0;padding-left:1.1rem}:root{color-scheme:light dark}"
)


def page_of(report: Mapping[str, Any]) -> str:
    """The page; every value in it is escaped."""
    title = _text(headline(report))
    sections = "\n".join(
        f"<section><h2>{number}. {_text(question)}</h2><p>{_text(summary)}</p>{_value(facts)}"
        "</section>"
        for number, (question, summary, facts) in enumerate(answers(report), 1)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{title}</h1>\n{sections}\n</body></html>\n"
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        rows = (f"<tr><th>{_text(k)}</th><td>{_value(v)}</td></tr>" for k, v in value.items())
        return f"<table>{''.join(rows)}</table>" if value else "-"
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else _text(value)


def _list(items: Sequence[Any]) -> str:
    return f"<ul>{''.join(f'<li>{_value(item)}</li>' for item in items)}</ul>" if items else "-"


def _text(value: Any) -> str:
    return escape(printable(str(value)))
