"""Scores of a predicted grain map, or of a map of classes, against truth.

A truth is a label map (one positive integer a grain, 0 where nothing is claimed) or a drawn
boundary mask (nonzero on the line). What the scores agree on:

- A prediction tiles the plane: its 0 pixels go to the nearest label before anything is measured.
- Truth pixels of value 0, masked pixels and truth grains below a least area enter no region score.
  A predicted grain that lies by more than half under the mask or on such small grains is dropped;
  one that lies on a truth line is a false grain.
- A quantity that cannot be computed is None, never 0.
"""

from napari_etch.evaluation.classes import ClassScores, evaluate_classes
from napari_etch.evaluation.grains import GrainScores, evaluate_grains
from napari_etch.evaluation.lines import DEFAULT_TOLERANCE_PX
from napari_etch.evaluation.overlap import IOU_THRESHOLDS
from napari_etch.evaluation.stack import StackScores, evaluate_stack
from napari_etch.evaluation.truth import DEFAULT_MIN_AREA_PX, TruthKind

__all__ = [
    "DEFAULT_MIN_AREA_PX",
    "DEFAULT_TOLERANCE_PX",
    "IOU_THRESHOLDS",
    "ClassScores",
    "GrainScores",
    "StackScores",
    "TruthKind",
    "evaluate_classes",
    "evaluate_grains",
    "evaluate_stack",
]
