"""What may not come into a repository, or not unseen: secrets, programs, links, dependencies."""
