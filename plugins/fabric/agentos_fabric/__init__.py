"""The fabric plugin's package: a language model for the other plugins, at an endpoint of choice.

It provides the service `agentos.Completer` where `[fabric.completer]` names an endpoint, and is
inert where nothing does.
"""
