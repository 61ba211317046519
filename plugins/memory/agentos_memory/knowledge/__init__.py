"""What is known of a repository beyond its code: data, deployment, decisions, people, history.

Extractors are pure functions over one file; a builder keeps what they find in PostgreSQL, file by
file; links turn names into entities; a resident graph joins them with the symbols of the code.
"""
