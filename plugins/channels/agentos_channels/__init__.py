"""The channels plugin's package: reviews on GitHub's pull requests, and over a signed webhook."""
