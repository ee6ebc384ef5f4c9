"""Keys, runs and commits: what makes reconciles happen."""
