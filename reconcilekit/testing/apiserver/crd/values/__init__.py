"""What becomes of one custom object: pruned, filled in, and checked against its schema."""
