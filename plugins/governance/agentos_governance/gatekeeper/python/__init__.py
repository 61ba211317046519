"""Tests and sources of Python, read and never run."""
