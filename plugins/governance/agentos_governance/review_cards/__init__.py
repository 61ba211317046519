"""What waits for a person, as one card: whatever its kind, and wherever it is shown."""
