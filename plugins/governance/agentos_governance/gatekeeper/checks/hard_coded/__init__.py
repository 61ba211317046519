"""`no_hard_coded_results`: one module for each way of answering a test and nobody else."""
