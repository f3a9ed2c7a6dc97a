"""The one exception that this room raises for bad input."""


class MicrographError(ValueError):
    """A micrograph cannot be used; one sentence says which, what is wrong and what to do."""
