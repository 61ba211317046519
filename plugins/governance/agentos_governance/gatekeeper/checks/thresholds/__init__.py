"""`thresholds_kept`: settings, pipelines and remarks that ask less of the work."""
