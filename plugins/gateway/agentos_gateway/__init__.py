"""The gateway: tools, prompts and resources of other MCP servers, under AgentOS' own pipeline."""
