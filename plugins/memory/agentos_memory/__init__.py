"""Memory of a repository: code index, symbol graph, observations, references, retrieval.

The modules of analysis, resolution, embedding and ranking are pure functions over bytes and
values; storage, tools and the command line stand on top of them.
"""
