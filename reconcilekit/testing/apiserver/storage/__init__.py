"""Objects, one counter of revisions, the past, and the watches that are told of it."""
