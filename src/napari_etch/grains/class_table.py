"""The table of classes of a class map: numbers, names, what files call them, colours.

One table serves the reading of annotations, models, layers and reports. A model carries its own.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

__all__ = ["FRACTURE_MODES", "UNLABELLED", "ClassEntry", "ClassTable", "ClassTableError"]

UNLABELLED = "unlabelled"
#: Told apart by colour-blind readers too (Okabe and Ito), in the order in which they are given out.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#888888")
_MOST = 255  # class maps are uint8
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class ClassTableError(ValueError):
    """A class table that cannot be used; one sentence for the user."""


@dataclass(frozen=True)
class ClassEntry:
    """A class.

    Attributes
    ----------
    id : int
        Its value in class maps, 1 … 255.
    name : str
    aliases : tuple of str
        What annotation files call it beside its name; upper and lower case are the same.
    colour : str
        ``#rrggbb``; empty takes the table's own.
    """

    id: int
    name: str
    aliases: tuple[str, ...] = ()
    colour: str = ""


@dataclass(frozen=True)
class ClassTable:
    """The classes of a class map; 0 is unlabelled in every table.

    Attributes
    ----------
    classes : tuple of ClassEntry
    attribute : str or None
        The region attribute that holds the class in VIA files; None takes any attribute whose
        value is a name or an alias.

    Raises
    ------
    ClassTableError
        When numbers or names are missing, repeated or out of range.
    """

    classes: tuple[ClassEntry, ...]
    attribute: str | None = "name"

    def __post_init__(self) -> None:
        ids = [entry.id for entry in self.classes]
        if not ids:
            raise ClassTableError("The class table is empty: give at least one class.")
        wrong = [i for i in ids if not 1 <= i <= _MOST]
        if wrong:
            raise ClassTableError(
                f"Class number {wrong[0]} is out of range: take 1 to {_MOST}; 0 is {UNLABELLED}."
            )
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ClassTableError(f"Class number {twice[0]} occurs twice: number each class once.")
        self._check_words()
        for entry in self.classes:
            if entry.colour and not _COLOUR.fullmatch(entry.colour):
                raise ClassTableError(
                    f"The colour {entry.colour!r} of class {entry.name!r} is not #rrggbb."
                )

    def _check_words(self) -> None:
        taken: dict[str, str] = {}
        for entry in self.classes:
            if not entry.name.strip():
                raise ClassTableError(f"Class {entry.id} has no name: give it one.")
            for word in {_key(word) for word in (entry.name, *entry.aliases)}:
                if word in taken or word == UNLABELLED:
                    other = taken.get(word, UNLABELLED)
                    raise ClassTableError(
                        f"Classes {other!r} and {entry.name!r} are both called {word!r}: "
                        "a word can mean one class only."
                    )
                taken[word] = entry.name

    @property
    def ids(self) -> tuple[int, ...]:
        """Numbers of the classes, without 0."""
        return tuple(entry.id for entry in self.classes)

    @property
    def names(self) -> dict[int, str]:
        """Name of every number, 0 among them."""
        return {0: UNLABELLED, **{entry.id: entry.name for entry in self.classes}}

    @property
    def colours(self) -> dict[int, str]:
        """Colour ``#rrggbb`` of every class, without 0."""
        return {
            entry.id: entry.colour or _COLOURS[at % len(_COLOURS)]
            for at, entry in enumerate(self.classes)
        }

    def find(self, word: Any) -> int | None:
        """Return the class that a word of a file means: a name, an alias or a number; else None."""
        key = _key(word)
        for entry in self.classes:
            if key in {_key(each) for each in (entry.name, *entry.aliases)}:
                return entry.id
        for entry in self.classes:  # a name that looks like a number goes before the number
            if key == str(entry.id):
                return entry.id
        return None

    def with_class(self, name: str, *aliases: str) -> ClassTable:
        """Return the table with one more class, which gets the lowest free number."""
        free = next(i for i in range(1, _MOST + 2) if i not in self.ids)
        return replace(self, classes=(*self.classes, ClassEntry(free, name, tuple(aliases))))

    def as_json(self) -> dict[str, Any]:
        """Return the table as what JSON can hold; `from_json` reads it."""
        colours = self.colours
        return {
            "attribute": self.attribute,
            "classes": [
                {
                    "id": entry.id,
                    "name": entry.name,
                    "aliases": list(entry.aliases),
                    "colour": colours[entry.id],
                }
                for entry in self.classes
            ],
        }

    @classmethod
    def from_json(cls, value: Any) -> ClassTable:
        """Return the table of `as_json`, or of a plain list of names.

        Raises
        ------
        ClassTableError
            When it is no class table.
        """
        if isinstance(value, Mapping):
            entries = value.get("classes")
            attribute = value.get("attribute", "name")
        else:
            entries, attribute = value, "name"
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise ClassTableError('A class table is {"classes": [{"id": 1, "name": …}, …]}.')
        if attribute is not None and not isinstance(attribute, str):
            raise ClassTableError("The attribute of a class table is a word, or null for any.")
        return cls(tuple(_entry(at, each) for at, each in enumerate(entries, 1)), attribute)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ClassTable:
        """Read a table from a JSON file.

        Raises
        ------
        ClassTableError
            When there is no such file, or it holds no class table.
        """
        source = Path(path)
        try:
            return cls.from_json(json.loads(source.read_text(encoding="utf-8-sig")))
        except ClassTableError as error:
            raise ClassTableError(f"{source}: {error}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ClassTableError(f"{source} is no class table ({reason}).") from error

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table to a JSON file, to be edited by hand; it appears whole."""
        target = Path(path)
        temporary = target.with_name(f".{uuid.uuid4().hex}.part")
        try:
            text = json.dumps(self.as_json(), indent=1, ensure_ascii=False)
            temporary.write_text(text + "\n", encoding="utf-8")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _key(word: Any) -> str:
    return str(word).strip().casefold()


def _entry(number: int, value: Any) -> ClassEntry:
    if isinstance(value, str):
        return ClassEntry(number, value)
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise ClassTableError(f"Class {number} of the table has no name.")
    given = value.get("id", number)
    aliases = value.get("aliases", ())
    if not isinstance(given, int) or isinstance(given, bool):
        raise ClassTableError(f"The number of class {value['name']!r} is {given!r}, not whole.")
    if isinstance(aliases, str) or not isinstance(aliases, Sequence):
        raise ClassTableError(f"The aliases of class {value['name']!r} are a list of words.")
    colour = value.get("colour", value.get("color", ""))
    return ClassEntry(given, value["name"], tuple(map(str, aliases)), str(colour or ""))


FRACTURE_MODES = ClassTable(
    (
        ClassEntry(1, "intergranular", ("i", "ig", "inter"), "#0072b2"),
        ClassEntry(2, "transgranular", ("t", "tg", "trans", "cleavage facet"), "#e69f00"),
    )
)
"""Fracture modes: 1 intergranular, 2 transgranular."""
