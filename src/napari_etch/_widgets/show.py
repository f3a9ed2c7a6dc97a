"""A folder of results in a window of its own: what ``etch demo`` opens.

Run as ``python -m napari_etch._widgets.show FOLDER``; the process ends with its window.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tifffile

from napari_etch._widgets.layers import (
    BOUNDARY,
    GRAINS,
    GRAINS_LOOK,
    METADATA_KEY,
    boundary_look,
    layer_name,
)
from napari_etch._widgets.run import is_bright
from napari_etch._widgets.samples import LayerData, image_layer_data
from napari_etch._widgets.view import show_scale_bar
from napari_etch.results import BOUNDARY_FILE, GRAINS_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_etch.micrograph import Micrograph


def result_layer_data(micrograph: Micrograph, folder: Path) -> list[LayerData]:
    """Return a micrograph and what was found in it as layer data for napari.

    Parameters
    ----------
    micrograph : Micrograph
        The image that was segmented.
    folder : Path
        Its results, as `napari_etch.results.write_segmentation` leaves them.

    Returns
    -------
    list of layer data
        The image, its boundaries and its grains, one over the other.
    """
    image, place, kind = image_layer_data(micrograph)
    shared: dict[str, Any] = {key: place[key] for key in ("scale", "units") if key in place}
    look = boundary_look(is_bright(micrograph))
    boundary = {**_named(micrograph, BOUNDARY), **shared, **look}
    grains = {**_named(micrograph, GRAINS), **shared, **GRAINS_LOOK}
    return [
        (image, place, kind),
        (tifffile.imread(folder / BOUNDARY_FILE), boundary, "image"),
        (tifffile.imread(folder / GRAINS_FILE), grains, "labels"),
    ]


def _named(micrograph: Micrograph, kind: str) -> dict[str, Any]:
    """Return the name of a result, and what tells docks that it is one and no micrograph."""
    return {"name": layer_name(micrograph.name, kind), "metadata": {METADATA_KEY: {"kind": kind}}}


def fill_viewer(viewer: Any, micrograph: Micrograph, folder: Path) -> None:
    """Put a result and the Segment dock into a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Usually an empty one.
    micrograph : Micrograph
        The image that was segmented.
    folder : Path
        Its results.
    """
    from napari.layers import Layer

    for data in result_layer_data(micrograph, folder):
        viewer.add_layer(Layer.create(*data))
    if micrograph.pixel_size_um is not None:
        show_scale_bar(viewer)
    viewer.window.add_plugin_dock_widget("napari-etch", "Segment")


def main(arguments: Sequence[str] | None = None) -> None:
    """Show the result of the bundled micrograph until the window is closed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="results of the bundled micrograph")
    folder = parser.parse_args(arguments).folder
    import napari

    from napari_etch.samples import sample_steel

    viewer = napari.Viewer(title="napari-etch")
    fill_viewer(viewer, sample_steel(), folder)
    with suppress(KeyboardInterrupt):  # Ctrl-C in the terminal closes the window
        napari.run()


if __name__ == "__main__":
    main()
