"""Adversarial review: checks that hold submitted work against its difference and its evidence."""
