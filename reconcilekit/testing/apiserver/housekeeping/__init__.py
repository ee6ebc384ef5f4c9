"""What a cluster has and kube-apiserver alone has not: controllers that clean up, fill in and run things."""
