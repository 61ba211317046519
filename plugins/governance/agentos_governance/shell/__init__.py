"""Reading shell commands: which programs they run and which files they touch."""
