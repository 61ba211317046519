"""Whether two names are the same person's: case, width and invisible characters do not count.

Above: reviews. Below: Unicode tables. Otherwise `Alice` and `alice` would be four eyes.
"""

from __future__ import annotations

import unicodedata


def same_person_key(name: str) -> str:
    """Equal for names that read the same: NFKC, case folded, spaces joined, no format characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    return " ".join(visible.split())
