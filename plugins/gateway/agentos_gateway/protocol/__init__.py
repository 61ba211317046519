"""The one place that speaks MCP to other servers, over the official SDK's client."""
