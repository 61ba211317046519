"""TypeScript that the grammar does not know, in words that it does, byte for byte as long.

Only for files that do not parse: where the grammar gives up, it may lose a whole interface.
Above: the declaration of TypeScript. Below: nothing.
"""

from __future__ import annotations

import re

# `interface A<in T, out U>`: the variance of a type parameter.
_VARIANCE = re.compile(
    rb"(?<=[<,])((?:\s++|//[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)*+)\b(in\s+out|in|out)(?=\s+[A-Za-z_$])"
)
# `export type * from "./a"`.
_TYPE_STAR = re.compile(rb"(?<=\bexport )type(?= +\*)")
# A call signature on a line of its own, which the grammar takes for arguments of the type before.
_CALL_SIGNATURE = re.compile(
    rb"(?:(?<=[\w\])}'\"])|(?<=\*/)|(?<=[^=]>))((?:[ \t]*//[^\n]*)?\r?\n[ \t]*)[ \t](?=<(?:\w|\s*\n))"
)
# `static accessor name` and `import defer * as name`.
_ACCESSOR = re.compile(rb"(?<=\bstatic )accessor(?= +[\w#])")
_DEFER = re.compile(rb"(?<=\bimport )defer(?= +\*)")


def mend(source: bytes) -> bytes:
    """The source with every such place written otherwise; no line or column moves."""
    for words in (_TYPE_STAR, _ACCESSOR, _DEFER):
        source = words.sub(_blank, source)
    source = _VARIANCE.sub(lambda found: found[1] + b" " * len(found[2]), source)
    return _CALL_SIGNATURE.sub(rb"\1;", source)


def _blank(found: re.Match[bytes]) -> bytes:
    return b" " * len(found[0])
