"""PostgreSQL: embedded or external, pooled, migrated, and used in units of work."""
