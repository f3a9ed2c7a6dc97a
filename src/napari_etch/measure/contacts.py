"""Which grains touch, along what length, and what the boundary map says there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_etch.measure.runs import Runs


@dataclass(frozen=True, eq=False)
class Contacts:
    """The sides of pixels at which two different labels meet.

    Attributes
    ----------
    one, two : ndarray of int64, (n,)
        Which of the labels of the map lie on either side.
    place : ndarray of int64, (n,)
        Flat place of the pixel on side one.
    step : ndarray of int64, (n,)
        From there to the pixel on side two.
    """

    one: np.ndarray
    two: np.ndarray
    place: np.ndarray
    step: np.ndarray


def contacts_of(grains: np.ndarray, runs: Runs) -> Contacts:
    """Return all sides of pixels between different labels, those to 0 included.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x).
    runs : Runs
        Of the same map.
    """
    width = grains.shape[1]
    # beside each run that is not the first of its row lies another one
    beside = np.flatnonzero(runs.first > 0)
    below = np.flatnonzero(grains[1:] != grains[:-1])
    flat = grains.reshape(-1)
    one = np.concatenate([runs.index[beside - 1], runs.index_of(flat[below])])
    two = np.concatenate([runs.index[beside], runs.index_of(flat[below + width])])
    left = runs.row[beside] * width + runs.first[beside] - 1
    step = np.repeat([1, width], [beside.size, below.size])
    return Contacts(one, two, np.concatenate([left, below]), step)


def count_neighbours(contacts: Contacts, labels: np.ndarray) -> np.ndarray:
    """Return how many other grains each label touches; 0 is not a grain.

    Parameters
    ----------
    contacts : Contacts
    labels : ndarray of int64, (k,)
        Of the map.

    Returns
    -------
    ndarray of int64, (k,)
    """
    low, high = pairs_of(contacts, labels)
    return np.bincount(low, minlength=labels.size) + np.bincount(high, minlength=labels.size)


def pairs_of(contacts: Contacts, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of grains that touch, each once, the lower index first.

    Parameters
    ----------
    contacts : Contacts
    labels : ndarray of int, (n,)
        Of the runs, 0 for no grain: the indices are places in it.

    Returns
    -------
    first, second : ndarray of int, (k,)
    """
    real = (labels[contacts.one] > 0) & (labels[contacts.two] > 0)
    low = np.minimum(contacts.one, contacts.two)[real]
    high = np.maximum(contacts.one, contacts.two)[real]
    keys = np.unique(low * labels.size + high)
    first, second = np.divmod(keys, labels.size)
    return first, second


def mean_confidence(contacts: Contacts, labels: np.ndarray, boundary: np.ndarray) -> np.ndarray:
    """Return the mean of the boundary map along the outline of each grain.

    Parameters
    ----------
    contacts : Contacts
    labels : ndarray of int64, (k,)
        Of the map.
    boundary : ndarray of float, (y, x)
        Boundary map in [0, 1]; of two pixels at a boundary the higher one counts.

    Returns
    -------
    ndarray of float, (k,)
        NaN for a grain without a neighbour. The frame and the edge of the specimen are left out.
    """
    flat = np.asarray(boundary).reshape(-1)
    real = (labels[contacts.one] > 0) & (labels[contacts.two] > 0)
    place, step = contacts.place[real], contacts.step[real]
    value = np.maximum(flat[place], flat[place + step]).astype(float)
    total, count = np.zeros(labels.size), np.zeros(labels.size)
    for side in (contacts.one[real], contacts.two[real]):
        total += np.bincount(side, weights=value, minlength=labels.size)
        count += np.bincount(side, minlength=labels.size)
    return np.divide(total, count, out=np.full(labels.size, np.nan), where=count > 0)
