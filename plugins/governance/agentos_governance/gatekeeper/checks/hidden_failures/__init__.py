"""`no_hidden_failures`: one module for each place where a failure is swallowed."""
