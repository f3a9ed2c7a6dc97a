"""What a user picks: a network with its weights, preparation and interpretation."""

from napari_etch.models.errors import ModelError
from napari_etch.models.registry import ModelInfo, list_models, load_model
from napari_etch.models.weights_file import StoredModel, read_model, write_model

__all__ = [
    "ModelError",
    "ModelInfo",
    "StoredModel",
    "list_models",
    "load_model",
    "read_model",
    "write_model",
]
