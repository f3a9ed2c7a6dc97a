"""What is typed for a training, option by option, in the recipe that it belongs to."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

from napari_etch.training.trainers import TrainError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

HOLD_OUT = "hold_out"

R = TypeVar("R", bound="DataclassInstance")


def chosen(
    recipe: R, options: Mapping[str, Any], *, also: Iterable[str] = (), zero: Iterable[str] = ()
) -> R:
    """Return a recipe with options in place of its own values.

    Parameters
    ----------
    recipe : dataclass
        Its values tell of which kind an option is.
    options : mapping
        By name; a command line gives whatever JSON reads.
    also : iterable of str
        Options beside those of the recipe, for the message.
    zero : iterable of str
        Whole numbers that may be 0.

    Raises
    ------
    TrainError
        When an option is unknown, or of another kind.
    """
    own: dict[str, Any] = asdict(recipe)
    unknown = sorted(set(options) - set(own))
    if unknown:
        known = ", ".join(sorted({*own, *also}))
        raise TrainError(f"{unknown[0]} is no option of it: choose {known}.")
    given = {
        name: _of_kind(name, value, own[name], 0 if name in zero else 1)
        for name, value in options.items()
    }
    return replace(recipe, **given)


def take_hold_out(options: dict[str, Any], usual: float) -> float:
    """Take the part that is held back out of the options.

    Raises
    ------
    TrainError
        When it is no part from 0 to 0.5.
    """
    share = options.pop(HOLD_OUT, usual)
    if not _is_number(share) or not 0 <= share <= 0.5:
        raise TrainError(f"{HOLD_OUT} is {share}: give a part from 0 to 0.5.")
    return float(share)


def _of_kind(name: str, value: Any, like: Any, least: int) -> Any:
    """Return a value of the kind of `like`, or say which is wanted."""
    if isinstance(like, bool):
        right, wanted = isinstance(value, bool), "true or false"
    elif isinstance(like, int):
        right = _is_number(value) and value == int(value) >= least
        wanted = f"a whole number from {least} on"
    elif isinstance(like, float):
        right, wanted = _is_number(value) and value >= 0, "a number from 0 on"
    elif isinstance(like, tuple):
        right = isinstance(value, list | tuple) and all(
            _is_number(each) and each == int(each) > 0 for each in value
        )
        wanted = "whole numbers such as [16, 32, 64]"
    else:
        right, wanted = isinstance(value, str | int | float | os.PathLike), "a word"
    if not right:
        raise TrainError(f"{name} is {value!r}: give {wanted}.")
    if isinstance(like, tuple):
        return tuple(int(each) for each in value)
    return type(like)(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
