"""Changed files as text: lines, names, settings, manifests, commands and remarks, whatever the language."""
