"""Grains through serial sections: 2D grain maps to a 3D one."""

from __future__ import annotations

from napari_etch.grains.tracking.graph import (
    SectionDrift,
    SectionGraph,
    SkippedSection,
    build_graph,
)
from napari_etch.grains.tracking.history import TrackedGrain
from napari_etch.grains.tracking.pairs import Classifier
from napari_etch.grains.tracking.tracks import (
    METHODS,
    PAIRS,
    Method,
    Tracks,
    link,
    track,
    track_steps,
)

__all__ = [
    "METHODS",
    "PAIRS",
    "Classifier",
    "Method",
    "SectionDrift",
    "SectionGraph",
    "SkippedSection",
    "TrackedGrain",
    "Tracks",
    "build_graph",
    "link",
    "track",
    "track_steps",
]
