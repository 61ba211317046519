"""Review rounds: each submitted packet waits for people, and ends in exactly one way."""
