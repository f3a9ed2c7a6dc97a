"""Run a network over a whole micrograph: device choice, exact tiling, memory ladder, cancel.

Importing this room does not import torch; the functions do when they are called.
"""

from napari_etch.inference.device import pick_device
from napari_etch.inference.engine import predict
from napari_etch.inference.errors import Cancelled, DeviceError, InferenceError
from napari_etch.inference.events import (
    Notice,
    Pass,
    Prediction,
    Predictor,
    Progress,
    TileDone,
)
from napari_etch.inference.memory import MemoryLadder, forget_memory_settings
from napari_etch.inference.outcome import prediction_of
from napari_etch.inference.run import run_pass
from napari_etch.inference.tiles import TilePlan, Window, plan_tiles

__all__ = [
    "Cancelled",
    "DeviceError",
    "InferenceError",
    "MemoryLadder",
    "Notice",
    "Pass",
    "Prediction",
    "Predictor",
    "Progress",
    "TileDone",
    "TilePlan",
    "Window",
    "forget_memory_settings",
    "pick_device",
    "plan_tiles",
    "predict",
    "prediction_of",
    "run_pass",
]
