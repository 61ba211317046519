"""Callers whom an external identity provider vouches for: AgentOS as an OAuth resource server."""
