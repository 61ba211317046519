"""The HTTP edge: the MCP endpoint, health, metrics, the event stream, plugins' pages."""
