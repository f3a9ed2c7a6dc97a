"""Which image of a file, and which channel of it, where a file holds several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from napari_etch.micrograph.errors import MicrographError, SeveralChannelsError

Which = int | str
"""A number, from 0, or a name."""

# What a sentence lists one by one.
_LISTED = 12


class Asked(TypedDict):
    """The keywords of `read_micrograph` that choose."""

    series: Which | None
    channel: Which | None


@dataclass(frozen=True)
class Choice:
    """What is taken of a file.

    Attributes
    ----------
    series : int, str or None
        Number, from 0, or name of an image of a TIFF file; of HDF5 and Zarr, number or path of a
        data set. None: the file's only one, or that beside which the others are thumbnails.
    channel : int, str or None
        Number, from 0, or name of a channel; ``red``, ``green``, ``blue`` of a colour image. None:
        the only one, or the colours.
    channel_name : str
        What the file calls the channel that was taken; empty where it has no name.
    """

    series: Which | None = None
    channel: Which | None = None
    channel_name: str = ""

    def __bool__(self) -> bool:
        return self.series is not None or self.channel is not None

    @property
    def words(self) -> str:
        """What was chosen, such as ``series 1, channel BSE``; empty where nothing was."""
        channel = self.channel_name or self.channel
        said = [f"series {self.series}" if self.series is not None else ""]
        said.append("" if self.channel is None else f"channel {channel}")
        return ", ".join(filter(None, said))

    def of(self, file: str) -> str:
        """Return what was taken of a file: ``a.tif, channel BSE``; its name where it was all."""
        return ", ".join(filter(None, (file, self.words)))

    @property
    def asked(self) -> Asked:
        """The keywords of `read_micrograph` that make it."""
        return {"series": self.series, "channel": self.channel}


ALL = Choice()
COLOURS = ("red", "green", "blue", "alpha")


def which(text: str | None) -> Which | None:
    """Return what was typed as a number where it is one, else as a name."""
    if text is None:
        return None
    return int(text) if text.strip().isdecimal() else text.strip()


def pick(wanted: Which, names: Sequence[str], file: str, what: str, plural: str = "") -> int:
    """Return which one of several is wanted.

    Parameters
    ----------
    wanted : int or str
    names : sequence of str
        Of each; empty where it has none.
    file : str
        The file's name, for the message.
    what, plural : str
        What they are called, such as ``"channel"``.

    Raises
    ------
    MicrographError
        When there is none of that number or name, or several have the name.
    """
    sought = str(wanted).casefold().strip("/")
    folded = [name.casefold().strip("/") for name in names]
    found: list[int] = []
    if isinstance(wanted, str):
        found = [at for at, name in enumerate(folded) if name == sought]
        if not found:  # the last part of a path will do
            found = [at for at, name in enumerate(folded) if name.rsplit("/", 1)[-1] == sought]
    if not found and sought.isdecimal() and int(sought) < len(names):
        return int(sought)
    if len(found) == 1:
        return found[0]
    trouble = f"several of the {what} {wanted!r}: give its number" if found else f"no {what} "
    if not found:
        trouble += f"{wanted}" if isinstance(wanted, int) else f"{wanted!r}"
    raise MicrographError(f"{file} has {trouble}; it has {listed(names, what, plural)}.")


def listed(names: Sequence[str], what: str, plural: str = "") -> str:
    """Return how many there are and what they are called: ``2 channels (0 SE, 1 BSE)``."""
    count = f"1 {what}" if len(names) == 1 else f"{len(names)} {plural or what + 's'}"
    if not any(names):
        return count if len(names) == 1 else f"{count} (0 to {len(names) - 1})"
    said = [f"{at} {name}".rstrip() for at, name in enumerate(names[:_LISTED])]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{count} ({', '.join(said)}{more})"


@dataclass(frozen=True)
class Channel:
    """Where a channel lies in an array: its axis, empty for all of the array, and its number."""

    axis: str
    number: int

    def of(self, data: np.ndarray, axes: str) -> tuple[np.ndarray, str]:
        """Return the channel of an array and the axes that are left."""
        if not self.axis:
            return data, axes
        return np.take(data, self.number, axis=axes.index(self.axis)), axes.replace(self.axis, "")


def find_channel(
    sizes: Mapping[str, int], names: Sequence[str], choice: Choice, file: str
) -> tuple[Channel, Choice]:
    """Return where the channel that is chosen lies.

    Parameters
    ----------
    sizes : mapping of str to int
        Length of each axis; ``C`` is channels and ``S`` samples of a colour.
    names : sequence of str
        Of the channels, or of the samples where there are no channels; may be shorter.
    choice : Choice
    file : str
        The file's name, for the message.

    Returns
    -------
    Channel
    Choice
        With the number and name of the channel.

    Raises
    ------
    SeveralChannelsError
        When there are several channels and none is chosen.
    MicrographError
        When there is no such channel.
    """
    axis = next((each for each in "CS" if sizes.get(each, 1) > 1), "")
    count = sizes.get(axis, 1)
    known = [*names[:count], *[""] * (count - len(names))]
    sections = max((n for each, n in sizes.items() if each not in "CSYX"), default=1)
    if not axis and sections > 1 and choice.channel not in (None, 0):
        raise MicrographError(
            f"{file} has no channel {choice.channel}: its {sections} pages are sections; save the "
            "one that is wanted as a file of its own."
        )
    if choice.channel is not None:
        at = pick(choice.channel, known, file, "channel")
        return Channel(axis, at), replace(choice, channel=at, channel_name=known[at])
    if axis == "C":
        raise SeveralChannelsError(f"{file} has {listed(known, 'channel')}", tuple(known))
    return Channel("", 0), choice
