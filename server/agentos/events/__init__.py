"""The event store: append-only, hash-chained, durable before the answer."""
