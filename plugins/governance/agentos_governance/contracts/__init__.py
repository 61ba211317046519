"""What a work order allows, and what its contract says to an action."""
