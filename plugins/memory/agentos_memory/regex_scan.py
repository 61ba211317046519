"""A program that searches texts for a regular expression, run by `regex_search`.

Reads the expression and then texts from stdin, each after its length in four bytes, one at a time,
and writes `text line` for each match, numbered from 0 and 1. Arguments are the most matching lines
and CPU seconds. Standard library only. Exit code 3: the expression cannot be compiled.
"""

import re
import resource
import struct
import sys
from collections.abc import Iterator
from typing import IO

# A few times the largest text, decoded.
MAX_MEMORY_BYTES = 256 * 1024 * 1024


def main() -> int:
    """Search what comes by stdin, until it ends or enough was found."""
    left, cpu_s = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    texts = read_texts(sys.stdin.buffer)
    try:
        pattern = re.compile(next(texts), re.MULTILINE)
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        print(error, file=sys.stderr)
        return 3
    for number, text in enumerate(texts):
        for line in matching_lines(pattern, text, left):
            sys.stdout.write(f"{number} {line}\n")
            left -= 1
        if left <= 0:
            break
    return 0


def read_texts(stream: IO[bytes]) -> Iterator[str]:
    """The texts of the stream, decoded, each when it is asked for."""
    while len(size := stream.read(4)) == 4:
        yield stream.read(struct.unpack("<I", size)[0]).decode("utf-8", "replace")


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
