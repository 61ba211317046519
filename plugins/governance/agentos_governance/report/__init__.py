"""The seven answers about a work order, each with the events and files that bear it out."""
