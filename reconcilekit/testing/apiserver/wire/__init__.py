"""What goes over the wire: sockets and straight calls, paths, bodies, encodings."""
