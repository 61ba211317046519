"""The Triton kernels' package; it imports nothing of AgentOS."""
