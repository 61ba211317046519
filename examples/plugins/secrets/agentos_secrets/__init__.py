"""Keeps secrets out of what agents write."""
