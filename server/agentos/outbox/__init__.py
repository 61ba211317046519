"""The outbox: committed events to NATS and to webhooks, in order, at least once, none skipped."""
