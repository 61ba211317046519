"""Reviews on pull requests: a comment with the card, a commit status, reviews as decisions."""
