"""What linters and type checkers say of the touched lines, and did not say before."""
