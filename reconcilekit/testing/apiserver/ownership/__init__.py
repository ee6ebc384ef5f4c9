"""Who owns which field: `metadata.managedFields`, and server-side apply on top of it."""
