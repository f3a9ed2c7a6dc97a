"""The terms of the label-free loss: one function a term.

Notation: `b` is the boundary probability of real pixels, `v` the boundary mask of virtual
microstructures, both (n, h, w). A logit is the boundary's, (n, h, w); responses are those of all
classes, (n, k, h, w), the first one being the boundary.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.training.losses import boundary_loss


def synthetic(logit: Tensor, truth: Tensor) -> Tensor:
    """Return the loss on rendered virtual micrographs, whose boundaries are known.

    Cross-entropy plus 0.3 Dice of `v` (n, h, w). This is R2V's translation run backwards, virtual
    to real: the network learns on pictures in the micrograph's own style.
    """
    return boundary_loss(logit, truth.float())


def similarity(responses: Tensor) -> Tensor:
    """Return the loss of clustering: each pixel is pulled to the class it answers most.

    `responses` are float32 (n, k, h, w).

    L = mean_u CE(r(u), argmax r(u)) (Kanezaki 2018; Kim, Kanezaki and Tanaka 2020).
    """
    return functional.cross_entropy(responses, responses.argmax(1).detach())


def continuity(probability: Tensor, image: Tensor) -> Tensor:
    """Return the loss of spatial continuity, waived where the image has an edge.

    L = mean exp(-|grad x|^2 / 2 s^2) |grad b|_1, s twice the image's median gradient (Kim et al.
    2020, with the edge weight of Perona and Malik 1990). `image` (n, h, w) is the prepared
    micrograph.
    """
    total = probability.new_zeros(())
    for axis in (1, 2):
        step = image.diff(dim=axis).abs()
        scale = step.median() + 1e-3
        weight = torch.exp(-0.5 * (step / (2 * scale)) ** 2)
        total = total + (weight * probability.diff(dim=axis).abs()).mean()
    return total


def balance(probability: Tensor, density: float) -> Tensor:
    """Return how far the share of boundary pixels is from that of virtual microstructures.

    `probability` is float32 (n, h, w), `density` that share, 0 to 1.

    KL(Bern(pi) || Bern(mean b)); stereology gives pi ~ (pi/2) w / l for lines w px wide at a mean
    intercept of l px.
    """
    share = probability.mean().clamp(1e-4, 1 - 1e-4)
    wanted = share.new_tensor(density).clamp(1e-4, 1 - 1e-4)
    return wanted * torch.log(wanted / share) + (1 - wanted) * torch.log((1 - wanted) / (1 - share))


def patches(
    probability: Tensor,
    truth: Tensor,
    generator: torch.Generator,
    *,
    side: int = 7,
    directions: int = 64,
    count: int = 4096,
) -> Tensor:
    """Return the sliced Wasserstein distance between patches of `b` and of `v`, at scales 1, 2, 4.

    Patches of side x side px are projected on random unit vectors, sorted, and compared by the mean
    square (Rabin et al. 2011); real boundaries shall look, patch for patch, like a polycrystal's.
    """
    total = probability.new_zeros(())
    for scale in (1, 2, 4):
        pair = [
            functional.avg_pool2d(item[:, None], scale)[:, 0]
            for item in (probability, truth.float())
        ]
        places = [_places(item.shape, side) for item in pair]
        if 0 in places:
            break
        unit = torch.randn(directions, side * side, generator=generator)
        unit = (unit / unit.norm(dim=1, keepdim=True)).to(probability.device)
        size = min(count, *places)
        one, two = (_some_patches(item, side, size, generator) @ unit.T for item in pair)
        total = total + (one.sort(0).values - two.sort(0).values).square().mean()
    return total


def _places(shape: torch.Size, side: int) -> int:
    """Return at how many places of maps (n, h, w) a patch lies."""
    number, height, width = shape
    return number * max(0, height - side + 1) * max(0, width - side + 1)


def _some_patches(maps: Tensor, side: int, count: int, generator: torch.Generator) -> Tensor:
    """Return randomly placed patches of maps (n, h, w), float32 (count, side * side)."""
    number, height, width = maps.shape
    rows, columns = height - side + 1, width - side + 1
    place = torch.randint(number * rows * columns, (count,), generator=generator)
    corner = place // (rows * columns) * height * width
    corner += place // columns % rows * width + place % columns
    within = torch.arange(side)[:, None] * width + torch.arange(side)
    chosen = (corner[:, None] + within.flatten()).to(maps.device)
    # Not by plain indexing: its gradient is summed by several threads in no fixed order, and a
    # seed would not say which model comes out.
    return maps.flatten().index_select(0, chosen.flatten()).view(chosen.shape)


def two_point(probability: Tensor, truth: Tensor, *, reach: int = 48) -> Tensor:
    """Return the mean square difference of the two-point correlations, radially averaged.

    Of maps (n, h, w). S2(r) = <b(u) b(u + r)> by the Wiener-Khinchin theorem (Torquato 2002,
    chapter 2), for r up to `reach` px, each divided by its value at 0.
    """
    return (_correlation(probability, reach) - _correlation(truth.float(), reach)).square().mean()


def _correlation(maps: Tensor, reach: int) -> Tensor:
    height, width = maps.shape[-2:]
    centred = maps - maps.mean((-2, -1), keepdim=True)
    power = torch.fft.rfft2(centred, s=(2 * height, 2 * width)).abs().square()
    full = torch.fft.irfft2(power, s=(2 * height, 2 * width)).mean(0)
    rows = torch.fft.fftfreq(2 * height, 1 / (2 * height))
    columns = torch.fft.fftfreq(2 * width, 1 / (2 * width))
    radius = torch.hypot(rows[:, None], columns[None]).round().long().clamp(max=reach)
    summed = torch.zeros(reach + 1).index_add(0, radius.flatten(), full.flatten())
    number = torch.zeros(reach + 1).index_add(0, radius.flatten(), torch.ones(full.numel()))
    profile = (summed / number)[:reach]
    return profile / (profile[0] + 1e-9)


def free_ends(probability: Tensor, *, rounds: int = 3) -> Tensor:
    """Return the share of the soft skeleton's mass that has a neighbour on one side only.

    Boundaries of a polycrystal do not end inside the field. The skeleton is thinned by pooling
    (Shit et al. 2021, clDice); a pixel is an end as far as its ring of 16 pixels, at a distance of
    2 px, holds little more than one crossing.
    """
    skeleton = _soft_skeleton(probability, rounds)
    ring = torch.ones(5, 5)
    ring[1:4, 1:4] = 0
    around = functional.conv2d(skeleton[:, None], ring[None, None], padding=2)[:, 0]
    end = torch.relu(1.5 - around) / 1.5
    inner = slice(4, -4)
    mass = skeleton[:, inner, inner]
    return (mass * end[:, inner, inner]).sum() / (mass.sum() + 1)


def _soft_skeleton(maps: Tensor, rounds: int) -> Tensor:
    def erode(item: Tensor) -> Tensor:
        down = -functional.max_pool2d(-item, (3, 1), 1, (1, 0))
        return torch.minimum(down, -functional.max_pool2d(-item, (1, 3), 1, (0, 1)))

    def opened(item: Tensor) -> Tensor:
        return functional.max_pool2d(erode(item), 3, 1, 1)

    now = maps[:, None]
    skeleton = torch.relu(now - opened(now))
    for _ in range(rounds):
        now = erode(now)
        delta = torch.relu(now - opened(now))
        skeleton = skeleton + torch.relu(delta - skeleton * delta)
    return skeleton[:, 0]


def marked(logit: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return cross-entropy on the pixels that count: anchors, or closed self-labels.

    `target` and `weight` are (n, h, w) in [0, 1]; where the weight is 0 nothing is asked. Anchors
    are the strongest and the weakest ridge responses of the micrograph itself; closed self-labels
    are the grain map that the network's own answer gives once it is cut into closed grains.
    """
    entropy = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    return (weight * entropy).sum() / (weight.sum() + 1)
