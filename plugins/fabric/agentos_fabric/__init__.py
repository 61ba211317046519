"""The fabric plugin's package: local models behind schema-locked dispatch.

It holds no plugin module yet; `pyproject.toml` therefore names no entry point for it.
"""
