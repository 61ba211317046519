"""What running agents ask persons to decide, the questions that persons ask back, and their export."""
