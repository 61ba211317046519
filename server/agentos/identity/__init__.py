"""Who calls: bearer tokens and the local principal."""
