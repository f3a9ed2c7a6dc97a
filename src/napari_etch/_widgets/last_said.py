"""What was last said of each image: a line under a dock is about the one that is chosen."""

from __future__ import annotations

Line = tuple[str, bool]
"""What is said, and whether it is trouble."""


class LastSaid:
    """Keeps the last line of each image, by the identity of its layer; None is no image."""

    def __init__(self) -> None:
        self._lines: dict[str | None, Line] = {}
        self._chosen: str | None = None

    def take(self, image_id: str | None, line: Line) -> None:
        """Keep what is said of an image, in place of what was said of it before."""
        self._lines[image_id] = line

    def turn(self, image_id: str | None) -> Line | None:
        """Return what to show when another image is chosen; None while it is the same."""
        if image_id == self._chosen:
            return None
        self._chosen = image_id
        return self._lines.get(image_id, ("", False))
