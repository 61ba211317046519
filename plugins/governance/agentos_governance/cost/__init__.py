"""Prices, and the money that calls reserve and spend."""
