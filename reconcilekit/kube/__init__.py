"""The Kubernetes client: one raw HTTP path, and the few verbs a controller needs."""
