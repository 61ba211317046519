"""What a client runs for its hooks: one small process for each tool use, of the standard library.

Above: Claude Code and Codex, by `agentos hook`. Below: the socket of a running server. Nothing of
`agentos` is imported here; the server imports `layout`, so that both mean the same files.
"""
