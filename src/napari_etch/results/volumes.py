"""``grains3d.csv``: the grains of stacks in space, with one set of columns whoever writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.results.files import whole_file

if TYPE_CHECKING:
    import pandas as pd

# Units of volume, surface and diameter; without the size of a voxel the file counts voxels.
_UM = ("um3", "um2", "um")
_VOXELS = ("voxels", "voxel_faces", "voxel_edges")


def named_volumes(table: pd.DataFrame, *, in_um: bool) -> pd.DataFrame:
    """Return a table of `measure.volume.grain_table_3d` with units in the names of its columns.

    Parameters
    ----------
    table : pandas.DataFrame
    in_um : bool
        Whether the size of a voxel was known; else lengths are in edges of a voxel.
    """
    units = _UM if in_um else _VOXELS
    names = zip(("volume", "surface", "eqd"), units, strict=True)
    return table.rename(columns={name: f"{name}_{unit}" for name, unit in names})


def write_volumes(path: Path, table: pd.DataFrame, *, in_um: bool = True) -> None:
    """Write the table, a row a grain; it appears whole."""
    with whole_file(path) as unfinished:
        named = named_volumes(table, in_um=in_um)
        named.to_csv(unfinished, index=False, float_format="%.6g")
