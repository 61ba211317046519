"""A program that searches texts for a regular expression, run by `regex_search` and killed by it.

Reads the expression and then texts from stdin, each after its length in four bytes, and writes
`text line` for each match, numbered from 0 and 1. Standard library only. Exit code 3: the expression cannot be compiled.
"""

import re
import resource
import struct
import sys
from collections.abc import Iterator

MAX_MEMORY_BYTES = 1 << 30
# Whoever started it ends it sooner, unless it was killed itself.
MAX_CPU_S = 10


def main() -> int:
    """Search what stdin holds; at most `argv[1]` matching lines in all."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    texts = read_texts(sys.stdin.buffer.read())
    try:
        pattern = re.compile(next(texts), re.MULTILINE)
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        print(error, file=sys.stderr)
        return 3
    left = int(sys.argv[1])
    for number, text in enumerate(texts):
        for line in matching_lines(pattern, text, left):
            sys.stdout.write(f"{number} {line}\n")
            left -= 1
    return 0


def read_texts(data: bytes) -> Iterator[str]:
    """The texts of the input, decoded one at a time."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        yield data[at + 4 : at + 4 + size].decode("utf-8", "replace")
        at += 4 + size


def matching_lines(pattern: re.Pattern[str], text: str, limit: int) -> Iterator[int]:
    """Ascending numbers of the lines on which a match starts, at most `limit`."""
    line, seen, last = 1, 0, 0
    for match in pattern.finditer(text) if limit > 0 else ():
        line += text.count("\n", seen, match.start())
        seen = match.start()
        if line != last:
            yield line
            last, limit = line, limit - 1
            if limit <= 0:
                return


if __name__ == "__main__":
    sys.exit(main())
