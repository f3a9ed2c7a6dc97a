"""Ranges of the optics that turn a grain structure into a micrograph, one table a style.

A style is a kind of picture (optical etched, SEM etched, channelling contrast, ...). Lengths are in
px, brightness in units of the picture's own range (0 black to 1 white). The ranges were set by
laying contact sheets (`etch virtual --gallery`) beside real micrographs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from napari_etch.virtual.fields import Range

NONE = Range(0.0, 0.0)


@dataclass(frozen=True)
class Style:
    """Ranges of every optical parameter; the field's comment is its meaning."""

    # Grooves: the etched or thermally grooved boundary itself.
    groove_depth: Range = Range(0.15, 0.6)
    groove_width: Range = Range(0.6, 2.2, log=True)  # Gaussian sigma
    groove_bright: Range = NONE  # 1 = brighter than the grains
    groove_swell: Range = Range(1.0, 3.5, chance=0.3)  # places where the groove widens to a deposit
    edge_spread: Range = Range(0.1, 0.6)  # how much depth differs from boundary to boundary
    faint_edges: Range = Range(0.0, 0.3)  # share of boundaries that hardly show
    stretch_fade: Range = Range(0.0, 0.6)  # fading along a boundary
    twin_strength: Range = Range(0.3, 1.0)  # groove of a twin boundary relative to others
    one_sided: Range = Range(-0.5, 0.5, chance=0.3)  # light from one side of the groove
    halo: Range = Range(0.1, 0.5, chance=0.2)  # bright rim along the groove
    line_wander: Range = Range(0.4, 1.5, chance=0.1)  # how far a line strays from the boundary, px
    line_beads: Range = Range(0.3, 1.0, chance=0.5)  # unevenness along a straying line
    line_film: Range = NONE  # share of the straying line's pixels that carry a small particle
    # Grains
    tone: Range = Range(0.3, 0.75)  # mean brightness
    grain_contrast: Range = Range(0.02, 0.12)
    two_phase: Range = Range(0.1, 0.4, chance=0.1)  # brightness step between two kinds of grain
    grain_slope: Range = Range(0.02, 0.12, chance=0.5)  # shading across a grain
    relief: Range = Range(0.1, 0.5, chance=0.2)  # steps between grains lit from one side
    glow: Range = NONE  # as relief, but fading far into the grain (edge effect, charging)
    blotch: Range = Range(0.01, 0.06, chance=0.25)  # cloudy shading, about as large as grains
    streak: Range = NONE  # bands of brightness along one axis (charging)
    texture: Range = Range(0.01, 0.06, chance=0.6)
    texture_cell: Range = Range(1.5, 9, log=True)
    striation: Range = Range(0.02, 0.18, chance=0.2)  # lamellae or slip lines inside grains
    striation_period: Range = Range(3.0, 14.0, log=True)
    # Things that are not boundaries
    pits: Range = Range(0.0001, 0.002, chance=0.5, log=True)  # a pixel
    pit_depth: Range = Range(0.2, 0.8)
    scratches: Range = Range(1, 8, chance=0.25)
    scratch_depth: Range = Range(-0.2, 0.5)
    stain: Range = Range(0.03, 0.15, chance=0.2)
    particles: Range = Range(0.05, 0.6, chance=0.1)  # a grain
    particle_radius: Range = Range(0.06, 0.3, log=True)  # of the mean intercept
    particles_on_lines: Range = Range(0.2, 0.9)  # share of them that sits on boundaries
    particle_tone: Range = Range(-0.5, 0.5)
    particle_rim: Range = Range(-0.7, 0.7)
    particle_texture: Range = Range(0.0, 0.25)
    particle_rim_width: Range = Range(0.7, 2.2)  # Gaussian sigma
    bands: Range = Range(0.05, 0.3, chance=0.08)  # share of grains with soft straight lines
    band_depth: Range = Range(-0.06, 0.12)
    rings: Range = Range(5, 60, chance=0.05)  # small closed curves inside grains
    junction_pits: Range = Range(0.1, 0.5, chance=0.2)  # share of triple points with a dark hole
    # Camera
    illumination: Range = Range(0.02, 0.25, chance=0.5)
    blur: Range = Range(0.3, 1.4)
    noise: Range = Range(0.005, 0.05, log=True)
    correlated_noise: Range = Range(0.01, 0.06, chance=0.3)
    line_noise: Range = Range(0.005, 0.03, chance=0.1)
    jpeg: Range = Range(1.0, 6.0, chance=0.25)  # quantisation, 1 = fine
    pixelate: Range = Range(1.2, 2.5, chance=0.15)  # downsampled by this and enlarged again
    gamma: Range = Range(0.7, 1.5)
    negative: Range = Range(1.0, 1.0, chance=0.08)  # picture turned negative


OPTICAL = Style()
# Ferrite etched with nital: bright flat grains, thin dark lines, dark deposits at junctions.
FERRITE = replace(
    OPTICAL,
    tone=Range(0.75, 0.97),
    groove_depth=Range(0.25, 0.75),
    groove_width=Range(0.55, 1.5, log=True),
    groove_swell=Range(1.5, 4.0, chance=0.6),
    edge_spread=Range(0.3, 0.7),
    grain_contrast=Range(0.005, 0.05),
    grain_slope=Range(0.01, 0.06, chance=0.5),
    texture=Range(0.005, 0.025, chance=0.7),
    pits=Range(0.0002, 0.0015, chance=0.8, log=True),
    striation=Range(0.02, 0.08, chance=0.05),
    noise=Range(0.004, 0.02, log=True),
    negative=NONE,
)
# Deep etch with wide dark gaps between grains, slip lines and scratches inside them.
DEEP = replace(
    OPTICAL,
    tone=Range(0.5, 0.85),
    groove_depth=Range(0.4, 0.9),
    groove_width=Range(1.5, 3.5, log=True),
    groove_swell=Range(2.0, 5.0, chance=0.8),
    striation=Range(0.05, 0.3, chance=0.75),
    grain_slope=Range(0.05, 0.2, chance=0.8),
    scratches=Range(1, 10, chance=0.5),
    line_wander=Range(0.4, 2.0, chance=0.3),
    bands=Range(0.05, 0.4, chance=0.3),
    texture=Range(0.02, 0.12, chance=0.9),
    pits=Range(0.0005, 0.004, chance=0.8, log=True),
    negative=NONE,
)
SEM = Style(
    groove_depth=Range(0.03, 0.3),
    groove_width=Range(0.7, 2.0, log=True),
    groove_bright=Range(1.0, 1.0, chance=0.35),
    groove_swell=NONE,
    edge_spread=Range(0.3, 0.9),
    faint_edges=Range(0.1, 0.5),
    stretch_fade=Range(0.2, 0.8),
    one_sided=Range(-1.0, 1.0, chance=0.8),
    halo=Range(0.1, 0.6, chance=0.3),
    grain_contrast=Range(0.04, 0.16),
    grain_slope=Range(0.05, 0.25, chance=0.8),
    relief=Range(0.15, 0.8, chance=0.7),
    glow=Range(0.3, 2.0, chance=0.6),
    blotch=Range(0.01, 0.08, chance=0.6),
    streak=Range(0.01, 0.06, chance=0.5),
    texture=Range(0.01, 0.05, chance=0.6),
    junction_pits=Range(0.02, 0.3, chance=0.5),
    stain=Range(0.02, 0.1, chance=0.4),
    blur=Range(0.4, 1.4),
    noise=Range(0.03, 0.16, log=True),
    correlated_noise=Range(0.01, 0.05, chance=0.4),
    line_noise=Range(0.005, 0.03, chance=0.3),
)
# Channelling (orientation) contrast: grains differ in brightness and no groove shows.
CHANNELLING = replace(
    SEM,
    groove_depth=Range(0.02, 0.1, chance=0.3),
    relief=Range(0.1, 0.3, chance=0.2),
    one_sided=NONE,
    grain_contrast=Range(0.08, 0.25),
    grain_slope=Range(0.02, 0.12, chance=0.5),
)
# EBSD band contrast: soft dark lines, twins half as deep, grainy pixel noise, no blur of the noise.
BAND_CONTRAST = Style(
    tone=Range(0.5, 0.8),
    groove_depth=Range(0.15, 0.5),
    groove_width=Range(0.6, 1.6, log=True),
    groove_swell=NONE,
    edge_spread=Range(0.2, 0.6),
    faint_edges=Range(0.05, 0.3),
    twin_strength=Range(0.25, 0.8),
    one_sided=NONE,
    halo=NONE,
    grain_contrast=Range(0.01, 0.08),
    grain_slope=Range(0.01, 0.06, chance=0.5),
    relief=NONE,
    texture=Range(0.01, 0.05, chance=0.5),
    pits=Range(0.0002, 0.002, chance=0.4, log=True),
    scratches=Range(1, 4, chance=0.1),
    particles=NONE,
    illumination=Range(0.02, 0.1, chance=0.3),
    blur=Range(0.2, 0.7),
    noise=Range(0.02, 0.08, log=True),
    negative=NONE,
)
# Precipitates sit on and between the boundaries; their rims are stronger than the lines.
PRECIPITATES = replace(
    OPTICAL,
    tone=Range(0.08, 0.92),
    groove_depth=Range(0.1, 0.6),
    groove_width=Range(0.6, 1.6, log=True),
    groove_bright=Range(1.0, 1.0, chance=0.5),
    faint_edges=Range(0.05, 0.35),
    stretch_fade=Range(0.2, 0.8),
    edge_spread=Range(0.3, 0.8),
    grain_contrast=Range(0.005, 0.05),
    particles=Range(0.3, 2.0),
    particle_radius=Range(0.08, 0.4, log=True),
    particle_rim=Range(-0.9, 0.9),
    particle_texture=Range(0.03, 0.25),
    texture=Range(0.01, 0.06, chance=0.7),
    rings=Range(5, 40, chance=0.15),
    negative=Range(1.0, 1.0, chance=0.2),
)
# Field-emission SEM: bright rough lines on a dark matrix, ball-like carbides with bright rims.
CARBIDES_DARK_FIELD = replace(
    PRECIPITATES,
    tone=Range(0.06, 0.25),
    groove_depth=Range(0.15, 0.65),
    groove_bright=Range(1.0, 1.0),
    grain_contrast=Range(0.002, 0.02),
    grain_slope=NONE,
    particles=Range(0.3, 1.8),
    particle_radius=Range(0.12, 0.4, log=True),
    particles_on_lines=Range(0.4, 1.0),
    particle_tone=Range(-0.3, 0.1),
    particle_rim=Range(0.15, 0.7),
    particle_texture=Range(0.04, 0.25),
    line_wander=Range(0.5, 2.5, chance=0.8),
    line_beads=Range(0.3, 1.2, chance=0.8),
    line_film=Range(0.01, 0.12, chance=0.5),
    bands=Range(0.05, 0.4, chance=0.3),
    texture=Range(0.005, 0.03, chance=0.7),
    noise=Range(0.008, 0.04, log=True),
    negative=NONE,
)
# Optical: dark-rimmed grey carbides on a bright matrix, faint dark lines between them.
CARBIDES_BRIGHT_FIELD = replace(
    PRECIPITATES,
    tone=Range(0.7, 0.95),
    groove_depth=Range(0.2, 0.7),
    groove_bright=NONE,
    grain_contrast=Range(0.002, 0.03),
    particles=Range(0.3, 1.8),
    particle_radius=Range(0.12, 0.4, log=True),
    particles_on_lines=Range(0.4, 1.0),
    particle_tone=Range(-0.35, 0.1),
    particle_rim=Range(-0.7, -0.2),
    particle_rim_width=Range(0.8, 3.5),
    particle_texture=Range(0.04, 0.25),
    faint_edges=Range(0.0, 0.15),
    line_wander=Range(0.5, 2.2, chance=0.8),
    line_beads=Range(0.3, 1.2, chance=0.8),
    line_film=Range(0.01, 0.12, chance=0.6),
    bands=Range(0.1, 0.6, chance=0.8),
    band_depth=Range(0.04, 0.25),
    rings=Range(2, 12, chance=0.3),
    striation=Range(0.03, 0.12, chance=0.2),
    negative=NONE,
)
# Touching cells with membranes, vesicles and organelles: any tiling, not only metal.
MEMBRANE = replace(
    OPTICAL,
    tone=Range(0.5, 0.8),
    faint_edges=Range(0.0, 0.15),
    groove_depth=Range(0.25, 0.6),
    groove_width=Range(0.8, 2.0, log=True),
    groove_swell=Range(1.5, 4.5, chance=0.7),
    edge_spread=Range(0.1, 0.4),
    stretch_fade=Range(0.0, 0.5),
    grain_contrast=Range(0.02, 0.1),
    grain_slope=Range(0.02, 0.1, chance=0.6),
    texture=Range(0.03, 0.1),
    texture_cell=Range(1.5, 6, log=True),
    particles=Range(0.1, 0.6, chance=0.7),
    particle_radius=Range(0.1, 0.35, log=True),
    particle_tone=Range(-0.45, 0.05),
    particle_rim=Range(-0.4, 0.0),
    particle_texture=Range(0.05, 0.25),
    rings=Range(5, 80, chance=0.7),
    correlated_noise=Range(0.01, 0.05),
    noise=Range(0.015, 0.06, log=True),
)

STYLES: dict[str, tuple[Style, float]] = {
    "optical": (OPTICAL, 0.12),
    "ferrite": (FERRITE, 0.11),
    "deep": (DEEP, 0.06),
    "sem": (SEM, 0.22),
    "channelling": (CHANNELLING, 0.09),
    "band-contrast": (BAND_CONTRAST, 0.13),
    "precipitates": (PRECIPITATES, 0.05),
    "carbides-dark-field": (CARBIDES_DARK_FIELD, 0.06),
    "carbides-bright-field": (CARBIDES_BRIGHT_FIELD, 0.07),
    "membrane": (MEMBRANE, 0.09),
}
# Annealing twins belong to face-centred cubic metals; these styles have none.
UNTWINNED = ("ferrite", "carbides-dark-field", "carbides-bright-field", "membrane")


# What another exposure of the same place may differ by (`optics.retake`): light and camera only.
RETAKEN = Style(
    illumination=Range(0.02, 0.2, chance=0.5),
    stain=NONE,
    blur=Range(0.3, 1.0, chance=0.4, off=0.1),
    noise=Range(0.002, 0.05, chance=0.6, log=True),
    correlated_noise=Range(0.01, 0.04, chance=0.2),
    line_noise=Range(0.003, 0.015, chance=0.1),
    jpeg=Range(1.0, 4.0, chance=0.15),
    pixelate=Range(1.1, 1.6, chance=0.1),
    gamma=Range(0.7, 1.4),
    negative=NONE,
)


@dataclass
class Optics:
    """One batch's drawn parameters: every field of `Style` as float32 (batch,)."""

    values: dict[str, Tensor]

    def __getattr__(self, name: str) -> Tensor:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None


def draw_optics(
    generator: torch.Generator,
    intercept: Tensor,
    style: str | None = None,
    without: tuple[str, ...] = (),
) -> tuple[Optics, list[str]]:
    """Draw the optics of a batch.

    Parameters
    ----------
    intercept : float32 (batch,)
        Mean intercept in px: lines and noise stay small beside the grains.
    style : str, optional
        A key of `STYLES`; every sample draws its own by the styles' weights when not given.
    without : tuple of str
        Styles that are not drawn.

    Returns
    -------
    optics : Optics
    names : list of str
        The style of each sample.

    Raises
    ------
    ValueError
        If the style is not known.
    """
    names = [name for name in STYLES if name not in without]
    if style is not None and style not in STYLES:
        raise ValueError(f"There is no virtual style {style!r}: choose one of {', '.join(names)}.")
    weights = torch.tensor([STYLES[name][1] for name in names], device=generator.device)
    batch = len(intercept)
    drawn = torch.multinomial(weights, batch, replacement=True, generator=generator).tolist()
    chosen = [style or names[index] for index in drawn]
    values = {}
    for field in fields(Style):
        ranges = {name: getattr(STYLES[name][0], field.name) for name in set(chosen)}
        table = {name: value.draw(batch, generator) for name, value in sorted(ranges.items())}
        values[field.name] = torch.stack([table[name][row] for row, name in enumerate(chosen)])
    values["groove_width"] = torch.minimum(values["groove_width"], 0.5 + 0.04 * intercept)
    values["groove_swell"] = torch.minimum(values["groove_swell"], 0.07 * intercept)
    values["blur"] = torch.minimum(values["blur"], 0.035 * intercept + 0.2)
    values["line_wander"] = torch.minimum(values["line_wander"], 0.04 * intercept)
    values["particle_rim_width"] = torch.minimum(
        values["particle_rim_width"], 0.5 + 0.03 * intercept
    )
    # Noise that hides fine grains altogether teaches nothing.
    values["noise"] = values["noise"] * (intercept / 35).clamp(0.35, 1)
    values["texture"] = values["texture"] * (intercept / 35).clamp(0.35, 1)
    return Optics(values), chosen
