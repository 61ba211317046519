"""Approvals: a policy says ASK, a person decides, the very same call may then happen once."""
