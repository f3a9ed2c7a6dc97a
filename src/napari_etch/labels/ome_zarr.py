"""OME-Zarr 0.5: an image with its labels, written with ome-zarr, read with zarr."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.labels.annotated import Annotated
from napari_etch.labels.collector import Collector
from napari_etch.labels.mask_files import as_map
from napari_etch.labels.names import ZARR_SUFFIX
from napari_etch.labels.report import LabelsError
from napari_etch.labels.values import about_from, about_values
from napari_etch.labels.writing import SetWriter

_KINDS: dict[str, Any] = {
    "grains": np.int32,
    "classes": np.uint8,
    "boundary": np.uint8,
    "ignore": np.uint8,
}
_OURS = "napari_etch"
#: Levels of the pyramid end where the shorter side would fall below this, px.
_LEAST_SIDE = 256
_MISSING = 'OME-Zarr needs a library more: pip install "napari-etch[zarr]".'


class ZarrWriter(SetWriter):
    """A group `NAME.ome.zarr` for each image."""

    def write(self, each: Annotated) -> None:
        """Write an image as a pyramid, and its labels as pyramids in its group."""
        zarr, write_image, write_labels = _libraries()
        group = zarr.open_group(str(self.folder / f"{each.name}{ZARR_SUFFIX}"), mode="w")
        group.attrs[_OURS] = about_values(each)
        if each.image is not None:
            picture = np.asarray(each.image)
            axes = "yx" if picture.ndim == 2 else "cyx"
            picture = picture if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
            write_image(picture, group, axes=axes, **_options(each, axes))
        for name, kind in _KINDS.items():
            labels = getattr(each, name)
            if labels is None:
                continue
            metadata = {"colors": self._colours()} if name == "classes" else None
            write_labels(
                labels.astype(kind),
                group,
                name=name,
                axes="yx",
                label_metadata=metadata,
                scaler=None,  # its default is deprecated, and says so
                **_options(each, "yx"),
            )
        _state_version(group)

    def _colours(self) -> list[dict[str, Any]]:
        found = []
        for value, colour in self.options.table.colours.items():
            rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
            found.append({"label-value": value, "rgba": [*rgb, 255]})
        return found


def _state_version(group: Any) -> None:
    """Write the version beside the list of labels, too: 0.5 asks for it, ome-zarr leaves it out."""
    names = _labels_of(group)
    if names:
        labels = group["labels"]
        version = _ome(labels[names[0]])["version"]
        labels.attrs["ome"] = {"version": version, **labels.attrs["ome"]}


def _libraries() -> tuple[Any, Any, Any]:
    """Return zarr and the two functions of ome-zarr that write.

    Raises
    ------
    LabelsError
        When they are not installed.
    """
    try:
        with warnings.catch_warnings():
            # ome-zarr 0.18 warns of a default of its own functions when it is imported.
            warnings.simplefilter("ignore", DeprecationWarning)
            import zarr
            from ome_zarr.writer import write_image, write_labels
    except ImportError:
        raise LabelsError(_MISSING) from None
    return zarr, write_image, write_labels


def _options(each: Annotated, axes: str) -> dict[str, Any]:
    """Return pyramid and pixel size for ome-zarr's writers."""
    factors, factor = [], 2
    while min(each.shape) // factor >= _LEAST_SIDE:
        factors.append(factor)
        factor *= 2
    options: dict[str, Any] = {"scale_factors": tuple(factors)}
    if each.pixel_size_um is not None:
        options["scale"] = {axis: each.pixel_size_um if axis in "yx" else 1.0 for axis in axes}
        options["axes_units"] = dict.fromkeys("yx", "micrometer")
    return options


def read_zarr(path: Path, into: Collector) -> None:
    """Read an OME-Zarr group of version 0.4 or 0.5 with its labels.

    Raises
    ------
    LabelsError
        When it cannot be read.
    """
    try:
        import zarr
    except ImportError:
        raise LabelsError(_MISSING) from None
    name = path.name.removesuffix(".zarr").removesuffix(".ome")
    try:
        _read_group(zarr.open_group(str(path), mode="r"), name, into)
    except LabelsError:
        raise
    except Exception as error:  # zarr raises anything on damaged groups
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LabelsError(f"{path} cannot be read as OME-Zarr ({reason}).") from error


def _read_group(group: Any, name: str, into: Collector) -> None:
    about = about_from(group.attrs.get(_OURS) or {})
    maps: dict[str, Any] = {}
    image = None
    if _multiscales(group):
        image, size = _level_zero(group)
        about.setdefault("pixel_size_um", size)
        image = np.moveaxis(image, 0, -1) if image.ndim == 3 and len(image) == 3 else image
        if image.ndim > 2 and image.shape[-1] != 3:
            into.notes.skip(name, "image", f"its shape {image.shape} is that of no micrograph")
            image = None
    for key in _labels_of(group):
        data, size = _level_zero(group["labels"][key])
        while data.ndim > 2 and len(data) == 1:
            data = data[0]
        about.setdefault("pixel_size_um", size)
        kind = key if key in _KINDS else "grains"
        if kind in maps or data.ndim != 2:
            into.notes.skip(name, f"labels {key}", "there is room for one map (y, x) of grains")
            continue
        try:
            maps[kind] = as_map(data, kind, f"labels {key}")
        except LabelsError as error:
            into.notes.skip(name, f"labels {key}", str(error))
    if not maps:
        into.notes.skip(name, "", "it holds no labels")
        return
    shape = next(iter(maps.values())).shape
    each = Annotated(name, (int(shape[0]), int(shape[1])), image=image, **maps, **about)
    into.add(each)
    into.notes.regions += each.regions


def _ome(group: Any) -> Mapping[str, Any]:
    """Return the metadata of OME: of 0.5 in a key of its own, of 0.4 beside others."""
    found = group.attrs.get("ome")
    return found if isinstance(found, Mapping) else dict(group.attrs)


def _multiscales(group: Any) -> list[Any]:
    return list(_ome(group).get("multiscales") or [])


def _labels_of(group: Any) -> list[str]:
    if "labels" not in group:
        return []
    return [str(name) for name in _ome(group["labels"]).get("labels") or []]


def _level_zero(group: Any) -> tuple[npt.NDArray[Any], float | None]:
    """Return the finest level and the edge of its pixels in µm, where that is stated."""
    multiscale = _multiscales(group)[0]
    dataset = multiscale["datasets"][0]
    size = None
    with suppress(KeyError, IndexError, TypeError):
        units = [axis.get("unit") for axis in multiscale["axes"]]
        scale = dataset["coordinateTransformations"][0]["scale"]
        if units[-1] == units[-2] == "micrometer" and scale[-1] == scale[-2]:
            size = float(scale[-1])
    return np.asarray(group[dataset["path"]]), size
