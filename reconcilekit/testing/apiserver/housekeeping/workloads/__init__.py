"""From Deployments, StatefulSets, DaemonSets and Jobs to Pods, and from Pods to endpoints. Nothing runs."""
