"""The gatekeeper bots' package: clients of the kernel's tools and event stream."""
