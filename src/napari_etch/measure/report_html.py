"""A report as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from html import escape

import numpy as np

from napari_etch.measure.counting import CROSSING, END, TANGENT, TRIPLE, PatternCount
from napari_etch.measure.methods import METHODS
from napari_etch.measure.patterns import Circle
from napari_etch.measure.report import (
    G_DIGITS,
    FieldSource,
    Report,
    four_digits,
    headline,
    index_text,
    interval_text,
    measured_text,
    more_fields_text,
    range_text,
)
from napari_etch.measure.report_figure import figure_png, shrunk
from napari_etch.measure.statistics import Mean

MOST_PX = 1200
# The fields whose pictures are shown large; a report of fifty fields should still open.
MOST_PICTURES = 6
SHOWN_PATTERN = "abrams"
KIND_COLOURS = {CROSSING: "#ffd60a", TRIPLE: "#ff3df0", TANGENT: "#27e0ff", END: "#ffffff"}

STYLE = """
body{font:14px/1.45 system-ui,sans-serif;color:#1c2430;max-width:1000px;
margin:2em auto;padding:0 1em}
h1{font-size:1.5em;margin-bottom:.2em}h2{font-size:1.1em;margin:1.6em 0 .4em}
table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;border-bottom:1px solid #d8dee6}
th{text-align:left;font-weight:600;background:#f3f5f8}td.n{text-align:right;white-space:nowrap}
.big{font-size:1.25em}.muted{color:#5c6773;font-size:.92em}figure{margin:0}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:12px}
img,svg{width:100%;height:auto;display:block}
.remark{border-left:3px solid #d1495b;padding:.1em .7em;margin:.3em 0}
@media print{body{margin:0}h2{break-after:avoid}figure,tr{break-inside:avoid}}
"""


def html_report(report: Report) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    report : Report
    """
    from napari_etch import __version__

    parts = [
        f"<h1>Grain size</h1><p class=big>{escape(headline(report.measurement))}</p>",
        f"<p class=muted>{escape(report.made)} · napari-etch {escape(__version__)} · "
        f"{report.measurement.pixel_size_um:g} µm a pixel</p>",
        *(f"<p class=remark>{escape(each)}</p>" for each in report.all_remarks),
        _methods(report),
        _segmentation(report),
        _pictures(report),
        "<h2>Distribution and direction</h2>",
        _image(figure_png(report.measurement), "distribution of grain diameters, directions"),
        _details(report),
        _fields(report),
    ]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Grain size</title>"
        f"<style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _row(cells: list[str], *, head: bool = False, numbers: tuple[int, ...] = ()) -> str:
    tag = "th" if head else "td"
    return (
        "<tr>"
        + "".join(
            f"<{tag}{' class=n' if at in numbers else ''}>{cell}</{tag}>"
            for at, cell in enumerate(cells)
        )
        + "</tr>"
    )


def _methods(report: Report) -> str:
    rows = [
        _row(
            [
                *("Method", "Rule of", "Measured", "G", "95 % interval of G"),
                *("% RA", "Fields still needed for 10 %"),
            ],
            head=True,
        )
    ]
    for each in report.measurement.results:
        accuracy = each.mean.relative_accuracy
        mark = " *" if each.method.recalled else ""
        rows.append(
            _row(
                [
                    f"{escape(each.method.title)}<br><span class=muted>"
                    f"{escape(each.method.note)}</span>",
                    escape(each.method.standard) + mark,
                    escape(measured_text(each)),
                    f"<b>{each.grain_number:.1f}</b>",
                    interval_text(each),
                    "" if accuracy is None else f"{accuracy:.0f}",
                    more_fields_text(each),
                ],
                numbers=(3, 4, 5, 6),
            )
        )
    means = [each.mean for each in report.measurement.results]
    sources = {each.source for each in means if each.half_width is not None} - {""}
    origin = f"Intervals from: {', '.join(sorted(sources))}" if sources else "There is no interval"
    return (
        f"<h2>Grain size by each method</h2><table>{''.join(rows)}</table>"
        f"<p class=muted>{escape(origin)}. What is measured was averaged over the fields and "
        "converted to G once. * Rule recalled, not checked against the text of the standard.</p>"
    )


def _segmentation(report: Report) -> str:
    found = report.uncertainty
    ranged = range_text(found)
    if found is None or not ranged:
        return (
            "<h2>Segmentation</h2><p class=muted>What the choice of granularity adds is not known: "
            "that takes, of every field, the boundary map that its grains were cut from.</p>"
        )
    cells = [f"{each:.1f}" for each in found.grain_numbers["saltykov"]]
    steps = [f"{each:g}" for each in found.granularities]
    return (
        f"<h2>Segmentation</h2><p>Over the plausible range, {ranged}, whatever the grains above "
        "were cut at or corrected. This comes on top of their intervals.</p>"
        f"<table>{_row(['granularity', *steps], head=True)}{_row(['G', *cells])}</table>"
    )


def _pictures(report: Report) -> str:
    shown = []
    for measured, source in list(zip(report.measurement.fields, report.sources, strict=True))[
        :MOST_PICTURES
    ]:
        if source.overlay is None:
            continue
        count = measured.patterns[SHOWN_PATTERN]
        shown.append(
            f"<h2>{escape(source.name)}</h2><div class=pair>"
            f"<figure>{_picture(source)}<figcaption class=muted>micrograph</figcaption></figure>"
            f"<figure>{_with_pattern(source.overlay, count)}<figcaption class=muted>grain "
            f"boundaries, and Abrams' circles{_at_places(count)} with the {len(count.points)} "
            "places counted "
            "(yellow crossings, pink triple points, blue tangents)</figcaption></figure></div>"
        )
    left_out = len(report.sources) - MOST_PICTURES
    if left_out > 0:
        one = left_out == 1
        fields = "picture of 1 more field is" if one else f"pictures of {left_out} more fields are"
        shown.append(f"<p class=muted>The {fields} left out.</p>")
    return "".join(shown)


def _at_places(count: PatternCount) -> str:
    """Return how often a pattern was laid over a field and what each time counted."""
    if count.pattern.placements == 1:
        return ""
    each = ", ".join(f"{found:g}" for found in count.by_placement)
    return f" at {count.pattern.placements} places (row by row {each})"


def _picture(source: FieldSource) -> str:
    if source.picture is None:
        return "<p class=muted>no micrograph given</p>"
    return _image(_png(shrunk(source.picture, MOST_PX)), "micrograph")


def _png(picture: np.ndarray) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _image(png: bytes, text: str) -> str:
    return f'<img alt="{escape(text)}" src="{_uri(png)}">'


def _with_pattern(overlay: np.ndarray, count: PatternCount) -> str:
    height, width = overlay.shape[:2]
    line = max(height, width) / 500
    drawn = []
    for curve in count.pattern.curves:
        look = f'fill="none" stroke="#20c05c" stroke-width="{line:.2f}"'
        if isinstance(curve, Circle):
            y, x = curve.centre
            drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{curve.radius:.1f}" {look}/>')
        else:
            (top, left), (bottom, right) = curve.start, curve.end
            drawn.append(
                f'<line x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}" {look}/>'
            )
    for (y, x), kind in zip(count.points, count.kinds, strict=True):
        drawn.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.8 * line:.1f}" '
            f'fill="{KIND_COLOURS[str(kind)]}" stroke="#000" stroke-width="{line / 3:.2f}"/>'
        )
    picture = _uri(_png(shrunk(overlay, MOST_PX)))
    return (
        f'<svg viewBox="-0.5 -0.5 {width} {height}" xmlns="http://www.w3.org/2000/svg">'
        f'<image x="-0.5" y="-0.5" width="{width}" height="{height}" href="{picture}"/>'
        f"{''.join(drawn)}</svg>"
    )


def _details(report: Report) -> str:
    rows = details(report)
    body = "".join(_row([escape(name), escape(text)]) for name, text in rows)
    return f"<h2>Structure</h2><table>{body}</table>"


def details(report: Report) -> list[tuple[str, str]]:
    """Return what a report says beside the grain size, as names and texts.

    Parameters
    ----------
    report : Report
    """
    measurement = report.measurement
    largest = measurement.largest
    where = f" of {largest.field}" if len(measurement.fields) > 1 else ""
    rows = [
        (
            "Largest grain (E930)",
            f"grain {largest.label}{where}: {four_digits(largest.area_um2)} µm², "
            f"G {largest.grain_number:.1f}, "
            f"{abs(largest.coarser_by):.1f} {'coarser' if largest.coarser_by >= 0 else 'finer'} "
            f"than the mean{'; ' if largest.remark else ''}"
            f"{largest.remark}",
        ),
        (
            "Duplex (E1181) *",
            measurement.duplex.text,
        ),
    ]
    found = measurement.distribution
    if found is not None:
        for name, shares in (("number", found.by_number), ("area", found.by_area)):
            cuts = shares.percentiles_um
            rows.append(
                (
                    f"Diameters by {name}",
                    f"D10 {cuts[10]:.3g}, D50 {cuts[50]:.3g}, D90 {cuts[90]:.3g} µm; log-normal "
                    f"median {shares.log_mean_um:.3g} µm, deviation {shares.log_deviation:.2f}",
                )
            )
        if found.differences:
            worst = min(found.differences, key=lambda each: each.p_value)
            one, two = (measurement.fields[at].name for at in (worst.one, worst.two))
            rows.append(
                (
                    "Fields that differ most",
                    f"{one} and {two}: Kolmogorov-Smirnov {worst.distance:.2f}, "
                    f"p = {worst.p_value:.2g}",
                )
            )
    if measurement.anisotropy is not None:
        found_along = measurement.anisotropy
        rows.append(
            (
                "Anisotropy *",
                f"AI {index_text(found_along)}, "
                f"longest intercepts at {found_along.along_deg:.0f}°; "
                f"L_A {four_digits(found_along.boundary_per_area)} mm/mm², "
                f"S_V {four_digits(found_along.boundary_per_volume)} mm²/mm³",
            )
        )
    if report.networks:
        points = sum(each.triple_points for each in report.networks)
        angles = np.concatenate([each.angles_deg.ravel() for each in report.networks])
        spread = f", angles 120 ± {angles.std():.0f}°" if angles.size else ""
        rows.append(("Boundary network", f"{points} triple points{spread}"))
    for name, each in report.fractions.items():
        half = each.point_fraction.half_width
        rows.append(
            (
                f"Area fraction of {name} (E562)",
                f"{100 * each.point_fraction.value:.1f} %"
                + ("" if half is None else f" ± {100 * half:.1f} %{_accuracy(each.point_fraction)}")
                + f" by {each.points} points, {100 * each.pixel_fraction:.1f} % by pixels",
            )
        )
    return rows


def _accuracy(mean: Mean) -> str:
    return "" if mean.relative_accuracy is None else f" ({mean.relative_accuracy:.0f} % RA)"


def model_text(source: FieldSource) -> str:
    """Return which model, which weights of it, and the granularity that grains were cut at."""
    model = source.model or "not known"
    if source.weights_hash:
        model += f" ({source.weights_hash})"
    if source.granularity is not None:
        model += f", granularity {source.granularity:g}"
    return model


def _fields(report: Report) -> str:
    rows = [
        _row(
            [
                *("Field", "Image", "Model", "Corrected", "Area, mm²", "Grains", "Whole"),
                *("G, whole field", "Pixel size"),
            ],
            head=True,
        )
    ]
    for measured, source in zip(report.measurement.fields, report.sources, strict=True):
        corrected = {None: "not known", True: "by hand", False: "no"}[source.corrected]
        rows.append(
            _row(
                [
                    escape(source.name),
                    escape(source.image or "not known"),
                    escape(model_text(source)),
                    corrected,
                    f"{measured.area_mm2:.4g}",
                    str(measured.grain_count),
                    str(measured.interior_count),
                    f"{METHODS[0].grain_number(measured.values[METHODS[0].key]):.{G_DIGITS}f}",
                    f"{measured.pixel_size_um:g} µm, {escape(source.pixel_size_from)}",
                ],
                numbers=(4, 5, 6, 7),
            )
        )
    return f"<h2>Fields</h2><table>{''.join(rows)}</table>"
