"""Work orders under contract: authority, evidence, review, cost and recovery of agents' work.

Above: the plugin's tools and middlewares, which the kernel loads through `agentos.plugins`.
Below: `agentos` (the kernel), PostgreSQL, git. Contracts, judgement, workspaces, packets and
prices import nothing of the database and can be used, and tested, without a server.
"""
