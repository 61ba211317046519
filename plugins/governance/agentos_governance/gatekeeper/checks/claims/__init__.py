"""What the worker says, against the difference and what was recorded."""
