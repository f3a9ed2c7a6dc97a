"""What a repair made, in one file: with it the verdicts of a journal can be understood again."""

from __future__ import annotations

import json
import time
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.corrections import JournalError
from napari_etch.results import whole_file

if TYPE_CHECKING:
    from napari_etch.repairing import Repaired

SUFFIX = ".etch-repair"
#: A file that no journal names is swept away after so many seconds; one may just be beginning.
STALE_SECONDS = 3600.0


@dataclass(frozen=True, eq=False)
class RepairPack:
    """A repair, and what its layers are made with.

    Attributes
    ----------
    repaired : Repaired
    name : str
        Of the layer that was repaired.
    made : dict
        What the layers say of their making.
    place : dict
        Where they lie, as `Placement.as_json` has it.
    bright : bool
        Whether most of the picture is nearly white.
    """

    repaired: Repaired
    name: str
    made: dict[str, Any]
    place: dict[str, Any]
    bright: bool


def new_pack_name() -> str:
    """Return a file name that no repair has yet."""
    return f"{uuid.uuid4().hex[:12]}{SUFFIX}"


def write_pack(pack: RepairPack, path: Path) -> None:
    """Write a repair, by a rename.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    repaired = pack.repaired
    bridges = repaired.bridges
    about = {
        "name": pack.name,
        "made": pack.made,
        "place": pack.place,
        "bright": pack.bright,
        "kind": repaired.kind,
        "polarity": repaired.polarity,
        "parameters": repaired.parameters,
    }
    paths = [bridge.path for bridge in bridges]
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            about=np.frombuffer(json.dumps(about, default=_plain).encode(), np.uint8),
            grains=repaired.grains,
            numbers=repaired.numbers,
            strength=repaired.strength,
            confidence=np.array([bridge.confidence for bridge in bridges], float),
            length=np.array([bridge.length for bridge in bridges], float),
            paths=np.concatenate([np.zeros((0, 2), np.intp), *paths]),
            ends=np.cumsum([len(path) for path in paths], dtype=np.int64),
        )


def read_pack(path: Path) -> RepairPack:
    """Read what `write_pack` wrote.

    Raises
    ------
    JournalError
        When it is not there, or damaged.
    """
    from napari_etch.repairing import Bridge, Repaired

    try:
        # numpy leaves a file open that is damaged
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        about = json.loads(held["about"].tobytes())
        sure, length = held["confidence"].tolist(), held["length"].tolist()
        paths = np.split(held["paths"], held["ends"][:-1]) if sure else []
        bridges = tuple(
            Bridge(number, sure[number - 1], length[number - 1], line)
            for number, line in enumerate(paths, 1)
        )
        table = np.append(0, held["confidence"]).astype(np.float32)
        added = table[held["numbers"]]
        repaired = Repaired(
            boundary=np.maximum(held["strength"], added),
            grains=held["grains"],
            added=added,
            bridges=bridges,
            numbers=held["numbers"],
            strength=held["strength"],
            kind=about["kind"],
            polarity=about["polarity"],
            parameters=about["parameters"],
        )
        return RepairPack(
            repaired, about["name"], about["made"], about["place"], bool(about["bright"])
        )
    except FileNotFoundError as error:
        raise JournalError(
            f"{path.name} is missing, without which the bridges of this repair are not known: run "
            "the repair again."
        ) from error
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise JournalError(f"{path} is damaged ({error}): run the repair again.") from error


def _plain(value: Any) -> Any:
    """Return a number of numpy's as JSON has it, anything else in words."""
    return value.item() if isinstance(value, np.generic) else str(value)


def sweep(folder: Path, named: Sequence[str]) -> None:
    """Delete the repairs in a folder that no journal names and that nobody has just written."""
    limit = time.time() - STALE_SECONDS
    for path in folder.glob(f"*{SUFFIX}*"):
        try:
            if path.name not in named and path.stat().st_mtime < limit:
                path.unlink()
        except OSError:  # another napari has just deleted it
            continue
