"""Lua in the code index."""
