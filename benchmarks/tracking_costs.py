"""Fit the cost of a link on virtual stacks, and write it into the package.

``python benchmarks/tracking_costs.py --stacks 240`` (some 20 minutes; seeded)

A stack is drawn for each seed (`napari_etch.virtual.section_maps`); its grains are as a
segmentation would find them, and two of them are one when most of their pixels are of one true
grain. Four of five stacks teach the network; the others choose, by 3D VI of the whole tracking, how
much a link across a section counts and what is added to all log-odds.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tracking_stacks import counted_scores, majority

from napari_etch.grains.tracking import SectionGraph, build_graph, costs, global_cut
from napari_etch.grains.tracking.evidence import FEATURES, link_features
from napari_etch.virtual.section_maps import section_maps

FIRST_SEED = 7000
HIDDEN = (32, 16)
EPOCHS, BATCH, RATE, DECAY = 24, 4096, 1e-2, 1e-4
CHECKED = 5  # every fifth stack


@dataclass(frozen=True, eq=False)
class Example:
    """A stack as tracking sees it, and the truth: of each node, and of all voxels."""

    graph: SectionGraph
    owner: np.ndarray
    voxels: tuple[np.ndarray, np.ndarray, np.ndarray]


def example(seed: int) -> Example:
    stack = section_maps(seed)
    graph = build_graph(stack.maps)
    owner = majority(stack.maps, stack.true)
    nodes = node_map(graph, stack.maps)
    most = int(stack.true.max()) + 1
    keys, times = np.unique(nodes.astype(np.int64) * most + stack.true, return_counts=True)
    node, true = np.divmod(keys, most)
    real = true > 0
    return Example(graph, owner, (node[real], true[real], times[real]))


def node_map(graph: SectionGraph, maps: np.ndarray) -> np.ndarray:
    """The node of each voxel; the number after the last where there is none."""
    result = np.full(maps.shape, graph.count, np.int64)
    for index, part in enumerate(maps):
        first, end = np.searchsorted(graph.section, [index, index + 1])
        table = np.full(int(part.max()) + 1, graph.count)
        table[graph.label[first:end]] = np.arange(first, end)
        result[index] = table[part]
    return result


def vi_of(item: Example, found: np.ndarray) -> float:
    node, true, times = item.voxels
    found = np.append(found, found.max() + 1)
    return counted_scores(found[node], true, times)["vi"]


def rows(items: list[Example]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, answers and weights of all links; each stack weighs the same."""
    columns, answers, weights = [], [], []
    for at, item in enumerate(items):
        links = item.graph.links
        columns.append(link_features(item.graph, turned_over=at % 2 == 1).astype(np.float32))
        answers.append(item.owner[links[:, 0]] == item.owner[links[:, 1]])
        weight = np.sqrt(item.graph.area[links].min(axis=1))  # a large grain costs more voxels
        weights.append(weight / weight.sum())
    return np.concatenate(columns), np.concatenate(answers), np.concatenate(weights)


def fit(items: list[Example], seed: int) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    torch.manual_seed(seed)
    features, answers, weights = (torch.from_numpy(each) for each in rows(items))
    answers, weights = answers.float(), (weights / weights.mean()).float()
    mean, spread = features.mean(0), features.std(0) + 1e-6
    features = (features - mean) / spread
    sizes = (features.shape[1], *HIDDEN, 1)
    layers: list[nn.Module] = []
    for one, two in itertools.pairwise(sizes):
        layers += [nn.Linear(one, two), nn.Tanh()]
    network = nn.Sequential(*layers[:-1])
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    steps = EPOCHS * -(-len(features) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        total = 0.0
        order = torch.randperm(len(features))
        for chosen in order.split(BATCH):
            found = network(features[chosen])[:, 0]
            loss = functional.binary_cross_entropy_with_logits(
                found, answers[chosen], weights[chosen]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen) / len(features)
        print(f"epoch {epoch + 1}: {total:.4f}", flush=True)
    return network, mean.numpy(), spread.numpy()


def write(path: Path, network: nn.Sequential, mean: np.ndarray, spread: np.ndarray) -> None:
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    arrays = {"mean": mean, "spread": spread}
    for at, layer in enumerate(linear):
        arrays[f"matrix{at}"] = layer.weight.detach().numpy()
        arrays[f"bias{at}"] = layer.bias.detach().numpy()
    np.savez(path, **{name: value.astype(np.float32) for name, value in arrays.items()})
    costs._weights.cache_clear()


def choose(items: list[Example]) -> None:
    """Print the 3D VI of stacks that were not learnt from, for each share of the second steps."""
    print("share of two steps: mean 3D VI, minus that of the best that these 2D maps allow")
    floor = [vi_of(item, item.owner) for item in items]
    for share in (0.25, 0.5, 0.75, 1.0):
        global_cut.TWO_STEPS_SHARE = share
        found = [vi_of(item, global_cut.link_globally(item.graph)) for item in items]
        print(
            f"{share:.2f}: {np.mean(found):.4f} {np.mean(found) - np.mean(floor):.4f}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stacks", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=costs.WEIGHTS_FILE)
    options = parser.parse_args()
    items = [example(FIRST_SEED + at) for at in range(options.stacks)]
    checked = items[::CHECKED]
    learnt = [item for at, item in enumerate(items) if at % CHECKED]
    links = sum(item.graph.overlap.size for item in learnt)
    print(f"{len(learnt)} stacks, {links} links, {len(FEATURES)} features", flush=True)
    write(options.out, *fit(learnt, options.seed))
    costs.WEIGHTS_FILE = options.out
    choose(checked)


if __name__ == "__main__":
    main()
