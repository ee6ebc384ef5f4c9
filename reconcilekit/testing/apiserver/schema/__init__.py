"""What is known of a kind's fields: their types, and how they merge."""
