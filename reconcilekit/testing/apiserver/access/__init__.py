"""Who asks, and whether they may: credentials, users, RBAC, and the reviews that tell of them."""
