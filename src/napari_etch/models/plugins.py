"""Models of other packages: an entry point of the group `napari_etch.models` is one model each.

A package offers a model in its `pyproject.toml`::

    [project.entry-points."napari_etch.models"]
    my-model = "my_package.model:make"

`make` is called without arguments when the model is first used, and returns an object with what
`napari_etch.inference.Predictor` asks for: ``network``, ``stride``, ``margin``, ``channels_out``
and the generator ``passes(micrograph, **options)``. Where they are missing, ``title`` is the name
of the entry, ``segment_options`` is empty, ``card`` names the package, ``weights_hash`` is its
version, and ``partition(fields, mask=, granularity=)`` cuts the boundary map as
`napari_etch.grains.partition` does. The list is made without importing any of these packages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from napari_etch.models.errors import ModelError

#: Group of the entry points.
GROUP = "napari_etch.models"
#: What an object must have to be run; the rest is filled in.
NEEDED = ("network", "stride", "margin", "channels_out", "passes")

_LICENCE = ("License-Expression", "License")


@dataclass(frozen=True)
class OutsideModel:
    """A model that another package offers.

    Attributes
    ----------
    name : str
        The entry point's; where another model has it, ``PACKAGE:NAME``.
    package, version, licence : str
        Of the distribution that offers it.
    entry : importlib.metadata.EntryPoint
    """

    name: str
    package: str
    version: str
    licence: str
    entry: EntryPoint


def list_outside(taken: Iterable[str]) -> list[OutsideModel]:
    """Return the models of other packages by name; nothing of them is imported.

    Parameters
    ----------
    taken : iterable of str
        Names that other models have.
    """
    names = set(taken)
    found: list[OutsideModel] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        package, version, licence = _about(entry)
        name = entry.name if entry.name not in names else f"{package}:{entry.name}"
        if name in names:
            continue  # the same entry twice, as where a package is installed twice
        names.add(name)
        found.append(OutsideModel(name, package, version, licence, entry))
    return found


def _about(entry: EntryPoint) -> tuple[str, str, str]:
    """Return name, version and licence of the package; metadata may be damaged."""
    try:
        dist = entry.dist
        if dist is None:
            return entry.module.partition(".")[0], "", ""
        said = [dist.metadata[key] for key in _LICENCE if key in dist.metadata]
        licence = (said[0].splitlines() or [""])[0] if said else ""
        return dist.name, dist.version, licence
    except (OSError, KeyError, TypeError, ValueError):
        return entry.module.partition(".")[0], "", ""


def load_outside(model: OutsideModel) -> Any:
    """Import the package and return its model, complete.

    Raises
    ------
    ModelError
        When the package fails, whatever it raises, or its object is no model.
    """
    try:
        made = model.entry.load()()
    except (Exception, SystemExit) as error:  # the code is somebody else's
        said = " ".join(str(error).split()) or "no reason given"
        raise ModelError(
            f"The model {model.name} of the package {model.package} failed "
            f"({type(error).__name__}: {said.rstrip('.')}): update or uninstall {model.package}."
        ) from error
    missing = [name for name in NEEDED if not hasattr(made, name)]
    if missing:
        raise ModelError(
            f"The model {model.name} of the package {model.package} has no {missing[0]}, which "
            f"every model needs: update or uninstall {model.package}."
        )
    _complete(made, model)
    return made


def _complete(made: Any, model: OutsideModel) -> None:
    """Fill in what every model of ours has."""
    made.name = model.name
    usual: dict[str, Any] = {
        "title": model.name,
        "card": {
            "architecture": "outside",
            "package": model.package,
            "version": model.version,
            "licence": model.licence,
        },
        "weights_hash": model.version,
        "segment_options": {},
        "partition": _partition,
    }
    for name, value in usual.items():
        if not hasattr(made, name):
            setattr(made, name, value)


def _partition(fields: dict[str, Any], *, mask: Any = None, granularity: float = 0.5) -> Any:
    from napari_etch.grains import partition

    return partition(fields["boundary"], mask=mask, granularity=granularity)
