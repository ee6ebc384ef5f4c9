"""Manifests in files: reading them, and filling a server with them at its start."""
