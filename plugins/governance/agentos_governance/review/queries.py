"""The statements of `sql/reviews.sql`, by name."""

from __future__ import annotations

from agentos import Queries

sql = Queries("agentos_governance", "sql/reviews.sql")
