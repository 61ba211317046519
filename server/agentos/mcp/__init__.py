"""The MCP edge: the only package that knows protocol types. Below: `Kernel.dispatch`."""
