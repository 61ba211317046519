"""Who may make a call: roles, persons, leases and the contracts that bind."""
