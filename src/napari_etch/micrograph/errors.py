"""The one exception that this room raises for bad input."""


class MicrographError(ValueError):
    """A micrograph cannot be used; the message is one sentence with the name, the fault and the remedy."""
