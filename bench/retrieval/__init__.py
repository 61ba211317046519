"""How well `search_code` finds functions, measured on real repositories."""
