"""The tests of a submission before and after, of every language, paired."""
