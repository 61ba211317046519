"""Fixtures of the HTTP edge's tests."""

from tests.agentos.mcp.edge import http, kernel, rendezvous, url

__all__ = ["http", "kernel", "rendezvous", "url"]
