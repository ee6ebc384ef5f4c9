"""Loads what all tests share; pytest allows a plugin to be named in this folder's conftest alone."""

from __future__ import annotations

pytest_plugins = ["tests.lanes", "tests.own_network"]
