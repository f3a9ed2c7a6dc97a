"""What goes wrong with models, as one sentence."""


class ModelError(ValueError):
    """A model is unknown, incomplete or unreadable; the message says what to do."""
