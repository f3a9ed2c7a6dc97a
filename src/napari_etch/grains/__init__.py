"""Boundary map to grain map: fragments, region graph, agglomeration."""

from __future__ import annotations

from napari_etch.grains.grain_map import MIN_AREA, Partition, Scorer, partition, shift_odds
from napari_etch.grains.lines import boundary_lines
from napari_etch.grains.merge_tree import MergeTree, agglomerate
from napari_etch.grains.region_graph import BASE_COLUMNS, RegionGraph, build_region_graph

__all__ = [
    "BASE_COLUMNS",
    "MIN_AREA",
    "MergeTree",
    "Partition",
    "RegionGraph",
    "Scorer",
    "agglomerate",
    "boundary_lines",
    "build_region_graph",
    "partition",
    "shift_odds",
]
