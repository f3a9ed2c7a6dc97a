"""What the chosen grain layers gave, one by one and together, and what keeps them from it."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels

from napari_etch._widgets.layers import oblong_text, pixel_size_um
from napari_etch._widgets.measure_fields import same_field_remarks
from napari_etch._widgets.measure_job import NO_PIXEL_SIZE, LayerRange, LayerResult
from napari_etch._widgets.measure_layers import MeasureLayers
from napari_etch.measure import Measurement, combine_fields
from napari_etch.measure.field import FieldMeasurement
from napari_etch.measure.segmentation_range import SegmentationRange, range_over

MEASURING = "Measuring…"
NO_GRAINS = "Open or segment an image first: there is no grains layer to measure."


class MeasureResults:
    """Keeps what was measured of each layer, and takes that of the chosen ones together.

    Parameters
    ----------
    layers : MeasureLayers
        Knows which layers are chosen, and how they are to be measured.

    Attributes
    ----------
    by_layer : dict of str to LayerResult
        By the identity of the layer.
    ranges : dict of str to tuple of FieldMeasurement, or None
        The layer as it is cut at each granularity; None where that cannot be.
    """

    def __init__(self, layers: MeasureLayers) -> None:
        self._layers = layers
        self.by_layer: dict[str, LayerResult] = {}
        self.ranges: dict[str, tuple[FieldMeasurement, ...] | None] = {}

    # -- keeping ---------------------------------------------------------------------------------

    def take(self, result: LayerResult) -> None:
        """Keep what a layer gave; the range that was known is not of it."""
        self.by_layer[result.source.layer_id] = result
        self.ranges.pop(result.source.layer_id, None)

    def take_range(self, found: LayerRange) -> None:
        """Keep a layer as it is cut at each granularity."""
        self.ranges[found.layer_id] = found.found

    def keep_only(self, there: set[str]) -> None:
        """Forget the layers whose identity is not among those that are there."""
        for known in (self.by_layer, self.ranges):
            for layer_id in set(known) - there:
                del known[layer_id]

    def lacking(self) -> tuple[list[Labels], list[Labels]]:
        """Return the chosen layers to measure, and those of which only the range is missing."""
        chosen = self._layers.chosen()
        wanted = [each for each in chosen if not self.is_known(each)]
        # one that was given up before it came to the range, for the sake of another layer
        unranged = [each for each in chosen if each not in wanted and self._lacks_range(each)]
        return wanted, unranged

    def is_known(self, layer: Labels) -> bool:
        """Return whether a layer is still what it was when it was measured."""
        known = self.by_layer.get(str(layer.unique_id))
        if known is None:
            return False
        source = known.source
        return (
            source.name == self._layers.title(layer)  # tables, remarks and reports hold it
            and source.section == self._layers.section(layer)
            and source.placements == self._layers.placements()
            and source.pixel_size_um == pixel_size_um(layer)
            and np.array_equal(source.grains, self._layers.plane(layer))
        )

    def _lacks_range(self, layer: Labels) -> bool:
        known = self.by_layer.get(str(layer.unique_id))
        is_measured = known is not None and known.field is not None
        return is_measured and str(layer.unique_id) not in self.ranges

    # -- what the chosen layers gave -------------------------------------------------------------

    def of_first(self) -> LayerResult | None:
        """Return what the first chosen layer gave last."""
        layer = self._layers.grains()
        return None if layer is None else self.by_layer.get(str(layer.unique_id))

    def of_chosen(self) -> list[LayerResult]:
        """Return what the chosen layers gave last, without those that were not measured yet."""
        return [found for _layer, found in self._chosen()]

    def measured_layers(self) -> list[tuple[Labels, np.ndarray, int | None]]:
        """Return each chosen layer with the grains that were measured, and of which section."""
        return [(layer, found.grains, found.source.section) for layer, found in self._chosen()]

    def _chosen(self) -> list[tuple[Labels, LayerResult]]:
        known = ((each, self.by_layer.get(str(each.unique_id))) for each in self._layers.chosen())
        return [(layer, found) for layer, found in known if found is not None]

    def together(self) -> Measurement | None:
        """Return the fields taken together; None when they cannot be."""
        found = self.of_chosen()
        fields = [each.field for each in found if each.field is not None]
        if not fields or len(fields) < len(found):
            return None
        if len(found) == 1:
            return found[0].alone
        try:
            return combine_fields(fields)
        except ValueError:
            return None

    def uncertainty(self) -> SegmentationRange | None:
        """Return how far G moves with the granularity, once that of all chosen layers is known."""
        cuts = [self.ranges.get(str(layer.unique_id)) for layer in self._layers.chosen()]
        known = [each for each in cuts if each is not None]
        if not known or len(known) < len(cuts):
            return None
        try:
            return range_over(known)
        except ValueError:  # of different magnifications
            return None

    # -- what is wrong, or should be known -------------------------------------------------------

    def same_fields(self) -> list[str]:
        """Return which of the layers measured together are of one field."""
        grains = {str(layer.unique_id): found.grains for layer, found in self._chosen()}

        def is_copy(one: Labels, two: Labels) -> bool:  # what measures the fields tells of copies
            return np.array_equal(grains[str(one.unique_id)], grains[str(two.unique_id)])

        return same_field_remarks([layer for layer, _found in self._chosen()], unless=is_copy)

    def trouble(self) -> str:
        """Return why there are no numbers of the chosen layers; empty when there are."""
        layer, found = self._layers.grains(), self.of_chosen()
        if layer is None:
            return NO_GRAINS
        oblong = _oblong(layer)
        if oblong:
            return oblong
        if any(pixel_size_um(each) is None for each in self._layers.chosen()):
            return NO_PIXEL_SIZE
        for each in found:
            if each.trouble == NO_PIXEL_SIZE:  # it is known by now, and is being measured with
                return MEASURING
            if each.trouble:
                return each.trouble
        if self.together() is None and found:
            return (
                "These layers have different pixel sizes: measure fields of one magnification "
                "together."
            )
        return "" if found else MEASURING


def _oblong(layer: Labels) -> str:
    """Return why a layer's pixels cannot be measured: they are not square."""
    sides = oblong_text(layer)
    if not sides:
        return ""
    return (
        f"The pixels of “{layer.name}” are not square ({sides}): resample it first, "
        "or type the pixel size if the scale is wrong."
    )
