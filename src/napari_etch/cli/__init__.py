"""The ``etch`` command."""

from napari_etch.cli.app import main

__all__ = ["main"]
