"""`agentos demo`: one work order from planning to approval, on a real repository, for real.

The demo is a client. It starts a server as its own process, talks to it over Streamable HTTP with
the official MCP client, runs workers as processes and kills one of them. It knows tools by their
names on the wire and imports no plugin.
"""
