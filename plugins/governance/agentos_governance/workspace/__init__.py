"""Worktrees, what changed in them, and reading their files safely."""
