"""Policies in force: where they come from, what they are asked, how they bind a call."""
