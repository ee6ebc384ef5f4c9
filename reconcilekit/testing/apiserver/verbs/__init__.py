"""What requests do: from a request to a synchronous step on the storage, and to its answer."""
