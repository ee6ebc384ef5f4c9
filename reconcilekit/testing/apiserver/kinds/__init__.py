"""Which kinds are served, and how discovery and OpenAPI tell of them."""
