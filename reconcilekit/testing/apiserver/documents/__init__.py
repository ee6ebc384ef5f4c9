"""What the server says of its kinds: discovery and OpenAPI, as recorded and with what definitions add."""
