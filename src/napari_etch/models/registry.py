"""The models a user can pick, by name or by path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_etch.models.errors import ModelError
from napari_etch.models.library import LibraryModel, find_model, list_library
from napari_etch.models.plugins import OutsideModel, list_outside, load_outside
from napari_etch.models.weights_file import SHIPPED, WEIGHTS, StoredModel, read_model


@dataclass(frozen=True)
class ModelInfo:
    """A line of the model list.

    Attributes
    ----------
    name, title, kind, description, licence : str
    ready : bool
        Whether it can run now.
    why_not : str
        One sentence on what is missing when it cannot.
    """

    name: str
    title: str
    kind: str
    description: str
    licence: str
    ready: bool
    why_not: str = ""


_BUILT_IN = {
    "generalist": ModelInfo(
        name="generalist",
        title="Generalist (any micrograph)",
        kind="boundaries",
        description="Boundaries and grains of any etched or channelling-contrast micrograph.",
        licence="BSD-3-Clause",
        ready=True,
    ),
    "generalist-real": ModelInfo(
        name="generalist-real",
        title="Generalist, also trained on real micrographs",
        kind="boundaries",
        description="The generalist, trained further with real micrographs beside virtual ones.",
        licence="BSD-3-Clause",
        ready=True,
    ),
    "dinov2": ModelInfo(
        name="dinov2",
        title="Compact vision transformer (DINOv2 family)",
        kind="boundaries",
        description="A compact transformer and a small decoder, quick to train on your own labels.",
        licence="BSD-3-Clause",
        ready=True,
    ),
    "wpunet": ModelInfo(
        name="wpunet",
        title="WPU-Net (serial sections)",
        kind="boundaries",
        description="Sections of a stack, each with what was found in the sections beside it.",
        licence="BSD-3-Clause",
        ready=True,
    ),
    "repair": ModelInfo(
        name="repair",
        title="Repair of broken boundaries",
        kind="repair",
        description="Closes the gaps of a boundary map; used by Repair, not by Segment.",
        licence="BSD-3-Clause",
        ready=True,
    ),
    "fracture": ModelInfo(
        name="fracture",
        title="Fracture modes (SEM fracture surfaces)",
        kind="classes",
        description="Intergranular and transgranular facets of an SEM fracture surface.",
        licence="BSD-3-Clause",
        ready=True,
    ),
}


def list_models() -> list[ModelInfo]:
    """Return the models of the package, of other packages and of the user, as a menu has them."""
    built_in = [_checked(info) for info in _BUILT_IN.values()]
    own = [_own(model) for model in list_library()]
    outside = list_outside(info.name for info in built_in + own)
    return built_in + [_outside(model) for model in outside] + own


def _outside(model: OutsideModel) -> ModelInfo:
    return ModelInfo(
        name=model.name,
        title=f"{model.entry.name} ({model.package})",
        kind="other",
        description=f"Of the package {model.package} {model.version}".rstrip() + ".",
        licence=model.licence or "see the package",
        ready=True,
    )


#: Models of the user that are for another dock than Segment, by architecture.
_KINDS = {"attention-unet": "repair", "fracture-net": "classes", "fracture-timm": "classes"}


def _own(model: LibraryModel) -> ModelInfo:
    notes = model.notes
    learnt = f"Learnt from {', '.join(notes.sources)}" if notes.sources else "From your library"
    made = f", {notes.made[:10]}" if notes.made else ""
    return ModelInfo(
        name=model.name,
        title=notes.title,
        kind=_KINDS.get(model.architecture, "own"),
        description=f"{learnt}{made}.",
        licence="yours",
        ready=not model.trouble,
        why_not=model.trouble,
    )


def _checked(info: ModelInfo) -> ModelInfo:
    if (SHIPPED / info.name / WEIGHTS).exists():
        return info
    why_not = f"The weights of {info.name} are missing: install the package again."
    return replace(info, ready=False, why_not=why_not)


def load_model(name_or_path: str) -> Any:
    """Load a model by its name or from a folder or `.etch` file.

    Parameters
    ----------
    name_or_path : str
        A name that `list_models` gives, or a path; a name goes first.

    Returns
    -------
    Model
        Satisfies `napari_etch.inference.Predictor`, and has ``title``, ``card``,
        ``weights_hash``, ``segment_options`` and ``partition``.

    Raises
    ------
    ModelError
        When there is no such model, or it is incomplete.
    """
    if name_or_path in _BUILT_IN:
        return _build(read_model(SHIPPED / name_or_path), name_or_path)
    own = find_model(name_or_path)
    if own is not None:
        return _build(read_model(own.path), own.name)
    library = [model.name for model in list_library()]
    outside = {model.name: model for model in list_outside([*_BUILT_IN, *library])}
    if name_or_path in outside:
        return load_outside(outside[name_or_path])
    if not Path(name_or_path).exists():
        known = ", ".join([*_BUILT_IN, *outside, *library])
        raise ModelError(
            f"There is no model {name_or_path!r}: choose {known}, or give the path of a model."
        )
    return load_path(Path(name_or_path))


def load_path(path: Path) -> Any:
    """Load a model from its folder or `.etch` file; see `load_model`."""
    return _build(read_model(path), path.resolve().stem if path.is_file() else path.resolve().name)


def _build(stored: StoredModel, name: str) -> Any:
    from napari_etch.models.dinov2 import DinoV2, PublishedDinoV2
    from napari_etch.models.fracture import Fracture
    from napari_etch.models.generalist import Generalist
    from napari_etch.models.r2v import R2V
    from napari_etch.models.repair import Repair
    from napari_etch.models.wpunet import WPUNet

    builders: dict[str, Any] = {
        "etchnet": Generalist,
        "r2v": R2V,
        "attention-unet": Repair,
        "wpunet": WPUNet,
        "vit": DinoV2,
        "dinov2-published": PublishedDinoV2,
        "fracture-net": Fracture,
        "fracture-timm": Fracture,
    }
    architecture = stored.card["architecture"]
    if architecture not in builders:
        raise ModelError(
            f"The model {name} has the architecture {architecture!r}, which this version does not "
            f"know: update napari-etch."
        )
    try:
        model = builders[architecture](stored)
    except ModelError:
        raise
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"The weights of {name} do not fit its card: {reason}") from error
    # Results tell by the name which model made them: two fits of one architecture are two models.
    model.name = name
    model.title = str(stored.card.get("title", name))
    return model
