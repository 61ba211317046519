"""What was recorded, against the tree, the clock, and itself."""
