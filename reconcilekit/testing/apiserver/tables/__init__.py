"""The Tables that `kubectl get` prints: columns as a real server has them, cells made from objects."""
