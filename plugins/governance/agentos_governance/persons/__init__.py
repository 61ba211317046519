"""Persons, and the names by which channels such as Slack know them."""
