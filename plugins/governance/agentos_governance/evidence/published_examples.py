"""Keys that documentation publishes as examples: everybody knows them, so that none is a secret.

Above: taking, which refuses secrets; the gatekeeper, which stops them. Below: nothing. AWS ends its own
with EXAMPLE (IAM User Guide, "Manage access keys"); jwt.io shows the token of John Doe.
"""

from __future__ import annotations

import re

_PUBLISHED = re.compile(
    r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{9}EXAMPLE(?![A-Z0-9])"
    r"|(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{30}EXAMPLEKEY(?![A-Za-z0-9/+=])"
    r"|eyJ[\w-]{8,100}\.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lI[\w-]{0,80}\.[\w-]{8,100}"
)
# Shorter than what redaction takes for the value of a password.
_IN_ITS_PLACE = "..."


def without_published_examples(text: str) -> str:
    """The text with three dots for each key that documentation publishes."""
    return _PUBLISHED.sub(_IN_ITS_PLACE, text)


def is_published_example(value: str) -> bool:
    """Whether a value is such a key, and nothing else."""
    return _PUBLISHED.fullmatch(value) is not None
