"""Documents that workers look things up in: manuals, interface descriptions, sources of packages.

A source is read in a process of its own into sections with anchors, which are stored, embedded and
searched like code. Modules that this process uses import nothing of the kernel: `sections`,
`decoding`, `formats`, `summaries` and one per format.
"""
