"""CustomResourceDefinitions: what a definition may say, and what its kind's objects must be."""
