"""Benchmarks of the kernel's own parts; `agentos bench` runs them."""
