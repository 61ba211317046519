"""What was recorded as evidence: reports of runs, uses of tools."""
