"""The version of AgentOS, read by the build."""

__version__ = "0.1.0"
"""The version of AgentOS."""
