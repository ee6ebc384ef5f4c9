"""Controllers written on reconcilekit, each in a package of its own."""
