"""The version, kept where the build and the user agent both find it."""

__version__ = "0.1.0.dev0"
