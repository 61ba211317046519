"""Work as a state machine: definitions, instances, the reactor that moves them, compensations."""
