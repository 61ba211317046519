"""A model as adversary: what it is shown, what it is asked, what of its answer is kept."""
