"""A map of a whole surface from a few outlined areas of it, in seconds.

Features of every place are computed once; after each outline only the light classifier is fitted
anew. Where a fracture network is given, it is the judge that the outlines correct.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.fractography.classifier import fit_logistic
from napari_etch.fractography.filters import place_features, place_greys
from napari_etch.fractography.likeness import Likeness, likeness_of, likeness_to
from napari_etch.fractography.mapping import (
    FractureMap,
    check_least,
    choose_classes,
    map_fracture,
)
from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.models.prepare import prepare
from napari_etch.models.resize import resize

if TYPE_CHECKING:
    import threading

    from napari_etch.inference import Notice, TileDone
    from napari_etch.micrograph import Micrograph

Maps = npt.NDArray[np.float32]

# Places of one class that are learnt from at most: more add seconds and no knowledge.
MOST_PLACES = 4000
# What the classifier's answers are smoothed by, places: no facet is a place.
SMOOTH = 1.0
# Penalties of the classifier. Outlines of equal size say nothing of how much of each class there
# is: beside a network they may hardly move its balance, and bend it only where they clearly
# contradict it.
ALONE, JUDGED, JUDGED_BIAS = 0.3, 0.2, 1.0
# What likeness to outlined places nearby counts beside how a texture looks anywhere; from 10 to 60
# it matters little.
NEAR = 20.0
# Penalty on trusting the network less or more than its probabilities say; from which probability on
# a place of its map is held on to, and how much all such places weigh beside the outlined ones.
TRUST, SURE, ANCHORED = 10.0, 0.7, 3.0
# A judge's probabilities are kept from 0 and 1, so that outlines can overrule it.
_LEAST = 0.02


class OutlineError(ValueError):
    """Outlines from which no map can be made; one sentence for the user."""


@dataclass(frozen=True, eq=False)
class OutlineMapper:
    """An image made ready for maps from outlines.

    Attributes
    ----------
    micrograph : Micrograph
    table : ClassTable
    specimen : bool (y, x)
    features : float32 (n, rows, columns)
        Of places, see `filters.place_features`.
    likeness : Likeness
        Of the places to each other.
    prior : FractureMap or None
        The map of a network, which the outlines correct.
    """

    micrograph: Micrograph
    table: ClassTable
    specimen: npt.NDArray[np.bool_]
    features: Maps
    likeness: Likeness
    prior: FractureMap | None = None

    def map(self, outlines: npt.NDArray[np.integer], *, least: float = 0.0) -> FractureMap:
        """Return the map of the whole image.

        Parameters
        ----------
        outlines : integers, shape (y, x)
            Class where an area was outlined or painted, 0 elsewhere.
        least : float
            Pixels less sure than this stay unlabelled. What was outlined keeps its class.

        Raises
        ------
        OutlineError
            When the sizes differ, a class is not in the table, or fewer than two classes were
            outlined and there is no network to start from.
        """
        check_least(least)
        started = time.monotonic()
        outlined = self._checked(outlines)
        rows, columns = self.features.shape[1:]
        places, classes = self._places(outlined, rows, columns)
        near = likeness_to(places, self.likeness)
        flat = np.concatenate([self.features.reshape(len(self.features), -1).T, NEAR * near], 1)
        prior = self._prior(rows, columns)
        weights = None
        if prior is not None:
            places, classes, weights = _with_anchors(places, classes, prior)
        fitted = fit_logistic(
            flat[places],
            classes,
            len(self.table.ids),
            prior=None if prior is None else prior[places],
            ridge=ALONE if prior is None else JUDGED,
            bias_ridge=ALONE if prior is None else JUDGED_BIAS,
            trust_ridge=TRUST,
            weights=weights,
        )
        found = fitted.probability(flat, prior).T.reshape(-1, rows, columns)
        probability = self._enlarged(found.astype(np.float32))
        chosen = choose_classes(probability, self.table, self.specimen, least)
        kept = (outlined > 0) & self.specimen
        chosen[kept] = outlined[kept]
        return FractureMap(
            micrograph=self.micrograph,
            classes=chosen,
            probability=probability,
            table=self.table,
            model="outlines" if self.prior is None else f"{self.prior.model} and outlines",
            weights_hash=None if self.prior is None else self.prior.weights_hash,
            parameters={
                "least": least,
                "outlined_px": int(np.count_nonzero(outlined)),
                "outlined_share": float((outlined > 0).mean()),
                "trust": round(fitted.trust, 3),
            },
            seconds=time.monotonic() - started,
        )

    def _checked(self, outlines: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        if outlines.shape != self.specimen.shape:
            raise OutlineError(
                f"The outlines {outlines.shape} and the image {self.specimen.shape} differ in size."
            )
        found = [int(each) for each in np.unique(outlines) if each]
        strange = [each for each in found if each not in self.table.ids]
        if strange:
            names = ", ".join(f"{number} {self.table.names[number]}" for number in self.table.ids)
            raise OutlineError(f"Class {strange[0]} is not in the class table: it has {names}.")
        if len(found) < (1 if self.prior is not None else 2):
            said = self.table.names[found[0]] if found else "nothing"
            raise OutlineError(
                f"Outline areas of at least two classes: there is {said}"
                f"{' only' if found else ''} so far."
            )
        return outlines.astype(np.uint8)

    def _places(
        self, outlined: npt.NDArray[np.uint8], rows: int, columns: int
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return the places that lie in outlined areas and their classes, from 0."""
        shares = np.stack(
            [
                resize((outlined == number).astype(np.float32), (rows, columns))
                for number in self.table.ids
            ]
        ).reshape(len(self.table.ids), -1)
        winner, share = shares.argmax(0), shares.max(0)
        random = np.random.default_rng(0)
        picked = []
        for at, number in enumerate(self.table.ids):
            own = np.flatnonzero((winner == at) & (share > 0.5))
            if not own.size and (outlined == number).any():  # a small area still counts
                own = np.array([int(shares[at].argmax())])
            picked.append(random.permutation(own)[:MOST_PLACES])
        places = np.concatenate(picked)
        classes = np.repeat(np.arange(len(picked)), [len(each) for each in picked])
        return places, classes

    def _prior(self, rows: int, columns: int) -> npt.NDArray[np.float64] | None:
        if self.prior is None:
            return None
        known = {number: at for at, number in enumerate(self.prior.table.ids)}
        channels = []
        for number in self.table.ids:
            if number in known:
                channels.append(resize(self.prior.probability[known[number]], (rows, columns)))
            else:  # the network has never heard of the class
                channels.append(np.full((rows, columns), _LEAST, np.float32))
        stacked = np.stack(channels).reshape(len(channels), -1).T.astype(np.float64)
        return np.log(np.clip(stacked, _LEAST, 1 - _LEAST))

    def _enlarged(self, probability: Maps) -> Maps:
        """Return probabilities of places at the size of the image."""
        from scipy.ndimage import gaussian_filter

        smooth = gaussian_filter(probability, (0, SMOOTH, SMOOTH))
        large = np.stack([resize(channel, self.specimen.shape) for channel in smooth])
        np.clip(large, 0, None, out=large)
        large /= np.maximum(large.sum(0), 1e-6)
        return large


def _with_anchors(
    places: npt.NDArray[np.intp], classes: npt.NDArray[np.intp], prior: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Add places where the network is sure to those that were outlined.

    A user outlines what is wrong. Learnt from that alone, the network would be wrong everywhere:
    maps came out inverted. So it is also learnt that elsewhere the network is right.

    Returns
    -------
    places, classes, weights
        The anchors weigh `ANCHORED` times what the outlined places do.
    """
    sure = np.exp(prior.max(1)) > SURE
    sure[places] = False
    anchors = np.random.default_rng(0).permutation(np.flatnonzero(sure))[:MOST_PLACES]
    weights = np.repeat(
        [1 / max(1, len(places)), ANCHORED / max(1, len(anchors))], [len(places), len(anchors)]
    )
    return (
        np.concatenate([places, anchors]),
        np.concatenate([classes, prior[anchors].argmax(1)]),
        weights,
    )


def prepare_outlining(
    micrograph: Micrograph,
    *,
    table: ClassTable = FRACTURE_MODES,
    model: Any = None,
    device: str = "auto",
    cancel: threading.Event | None = None,
    **options: Any,
) -> Iterator[TileDone | Notice | OutlineMapper]:
    """Make an image ready for maps from outlines; the `OutlineMapper` is the last item.

    Parameters
    ----------
    micrograph : Micrograph
        2D.
    table : ClassTable
    model : Fracture, optional
        The network that the outlines correct; None maps from the outlines alone.
    device, cancel, **options
        As in `mapping.map_fracture`.
    """
    from napari_etch.micrograph.around import with_smooth_parts

    micrograph, prior = with_smooth_parts(micrograph), None
    if model is not None:
        for event in map_fracture(model, micrograph, device=device, cancel=cancel, **options):
            if isinstance(event, FractureMap):
                prior = event
            else:
                yield event
    specimen, image = micrograph.mask, prepare(micrograph)
    features = place_features(image, specimen)
    yield OutlineMapper(
        micrograph=micrograph,
        table=table,
        specimen=specimen,
        features=features,
        likeness=likeness_of(features, place_greys(image, specimen)),
        prior=prior,
    )


def map_from_outlines(
    micrograph: Micrograph,
    outlines: npt.NDArray[np.integer],
    *,
    table: ClassTable = FRACTURE_MODES,
    model: Any = None,
    device: str = "auto",
    least: float = 0.0,
    cancel: threading.Event | None = None,
    **options: Any,
) -> Iterator[TileDone | Notice | FractureMap]:
    """Map a whole surface from a few outlined areas; the `FractureMap` is the last item.

    Parameters
    ----------
    micrograph : Micrograph
        2D.
    outlines : integers, shape (y, x)
        Class where an area was outlined, 0 elsewhere.
    table, model, device, cancel, **options
        As in `prepare_outlining`.
    least : float
        Pixels less sure than this stay unlabelled.

    Raises
    ------
    OutlineError
        When no map can be made from the outlines.
    """
    for event in prepare_outlining(
        micrograph, table=table, model=model, device=device, cancel=cancel, **options
    ):
        if isinstance(event, OutlineMapper):
            yield event.map(outlines, least=least)
        else:
            yield event
