"""Accuracy of the symbol graph against language servers: truth, answers, scores."""
