"""Calls that outlive the request they came by: durable, resumable by another process, cancellable.

Above: the MCP edge serves them as the extension `io.modelcontextprotocol/tasks`. Below:
`Kernel.dispatch`, which runs the body of a task as it runs every call.
"""
