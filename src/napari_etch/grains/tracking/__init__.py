"""Grains through serial sections: 2D grain maps to a 3D one."""

from __future__ import annotations

from napari_etch.grains.tracking.graph import SectionGraph, SkippedSection, build_graph
from napari_etch.grains.tracking.history import TrackedGrain
from napari_etch.grains.tracking.tracks import METHODS, Method, Tracks, link, track

__all__ = [
    "METHODS",
    "Method",
    "SectionGraph",
    "SkippedSection",
    "TrackedGrain",
    "Tracks",
    "build_graph",
    "link",
    "track",
]
