"""The models a user can pick, by name or by path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_etch.models.errors import ModelError
from napari_etch.models.weights_file import SHIPPED, WEIGHTS, StoredModel, read_model

if TYPE_CHECKING:
    from napari_etch.models.generalist import Generalist


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
    )
}


def list_models() -> list[ModelInfo]:
    """Return the models that come with the package, in the order of a menu."""
    return [_checked(info) for info in _BUILT_IN.values()]


def _checked(info: ModelInfo) -> ModelInfo:
    if (SHIPPED / info.name / WEIGHTS).exists():
        return info
    why_not = f"The weights of {info.name} are missing: install the package again."
    return replace(info, ready=False, why_not=why_not)


def load_model(name_or_path: str) -> Generalist:
    """Load a model by its name or from a folder or `.etch` file.

    Parameters
    ----------
    name_or_path : str
        A name that `list_models` gives, or a path.

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
    path = Path(name_or_path)
    if not path.exists():
        known = ", ".join(_BUILT_IN)
        raise ModelError(
            f"There is no model {name_or_path!r}: choose {known}, or give the path of a model."
        )
    return _build(read_model(path), name_or_path)


def _build(stored: StoredModel, name: str) -> Generalist:
    from napari_etch.models.generalist import Generalist

    builders: dict[str, Any] = {"etchnet": Generalist}
    architecture = stored.card["architecture"]
    if architecture not in builders:
        raise ModelError(
            f"The model {name} has the architecture {architecture!r}, which this version does not "
            f"know: update napari-etch."
        )
    try:
        model: Generalist = builders[architecture](stored)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"The weights of {name} do not fit its card: {reason}") from error
    return model
