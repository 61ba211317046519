"""What channels have posted where, so that every part of a review is posted once."""
