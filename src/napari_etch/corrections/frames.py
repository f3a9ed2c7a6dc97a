"""The file format of a journal: a magic line, then frames that a torn end cannot confuse.

A frame is a one-letter kind, a sequence number, the length of its payload, a CRC-32 over all of
that and the payload, and the payload. Reading stops at the first frame that is cut short or does
not agree with its CRC: that is where the process, or the machine, stopped writing.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_etch.corrections.runs import decode, encode

MAGIC = b"napari-etch journal 1\n"
#: Kinds: what the map is; a block of a copy of it; the copy is complete; an edit; a note.
HEADER, BLOCK, COMPLETE, EDIT, NOTE = b"H", b"S", b"C", b"E", b"N"
#: What a journal calls the layer: in its header as it began, in a note since it was renamed.
NAME = "name"

Window = tuple[slice, ...]
_HEAD = struct.Struct("<cQII")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Frame:
    """One frame: its kind, its number, and its payload."""

    kind: bytes
    sequence: int
    payload: bytes

    def packed(self) -> bytes:
        """Return the frame as it is written."""
        crc = _crc(self.kind, self.sequence, self.payload)
        return _HEAD.pack(self.kind, self.sequence, len(self.payload), crc) + self.payload

    def meta(self) -> dict[str, Any]:
        """Return the JSON object at the start of the payload."""
        (size,) = _LENGTH.unpack_from(self.payload)
        found = json.loads(self.payload[_LENGTH.size : _LENGTH.size + size])
        return dict(found)

    def arrays(self) -> list[npt.NDArray[np.integer]]:
        """Return the arrays behind the JSON object."""
        (at,) = _LENGTH.unpack_from(self.payload)
        at += _LENGTH.size
        found = []
        while at < len(self.payload):
            (size,) = _LENGTH.unpack_from(self.payload, at)
            at += _LENGTH.size
            found.append(decode(self.payload[at : at + size]))
            at += size
        return found

    def window(self) -> Window:
        """Return where in the map the arrays belong."""
        return tuple(slice(start, stop) for start, stop in self.meta()["window"])


def frame(
    kind: bytes, sequence: int, meta: dict[str, Any], *arrays: npt.NDArray[np.integer]
) -> Frame:
    """Make a frame from a JSON object and integer arrays, of any shape and type."""
    head = json.dumps(meta).encode()
    parts = [_LENGTH.pack(len(head)), head]
    for values in arrays:
        packed = encode(values)
        parts += [_LENGTH.pack(len(packed)), packed]
    return Frame(kind, sequence, b"".join(parts))


def span(window: Window) -> list[list[int]]:
    """Return a window as JSON can hold it."""
    return [[int(axis.start), int(axis.stop)] for axis in window]


def read_frames(file: BinaryIO) -> Iterator[Frame]:
    """Read the frames behind the magic line; end quietly where the file is torn."""
    while True:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        kind, sequence, size, crc = _HEAD.unpack(head)
        payload = file.read(size)
        if len(payload) < size or _crc(kind, sequence, payload) != crc:
            return
        yield Frame(kind, sequence, payload)


def _crc(kind: bytes, sequence: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(kind + sequence.to_bytes(8, "little")))
