"""What can go wrong with a control plane, each with what to do."""

from __future__ import annotations


class ControlPlaneError(Exception):
    """A control plane that didn't start, or that isn't there any more; the message has the end of the server's log."""


class MissingBinariesError(ControlPlaneError):
    """A binary that was asked for is in none of the places that were looked at; the message says how to get it."""
