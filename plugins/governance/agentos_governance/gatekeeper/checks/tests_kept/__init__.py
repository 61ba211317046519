"""`tests_kept`: one module for each way in which tests come to say less than they did."""
