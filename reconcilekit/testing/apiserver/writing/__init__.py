"""What becomes of an object between a request and the storage: read, filled in, checked, owned, stored."""
