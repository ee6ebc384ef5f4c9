"""What is wrong with a regular expression."""


class PatternError(ValueError):
    """A pattern that Go refuses, or that can't be run here; its text is worded as Go's."""
