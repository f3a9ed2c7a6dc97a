"""Grain boundaries, grains and grain size from micrographs, in napari."""

try:
    from napari_etch._version import version as __version__
except ImportError:  # a source tree that was never built
    __version__ = "0.1.0.dev0"

__all__ = ["__version__"]
