"""``etch models``: what there is to choose from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from napari_etch.cli.console import bad_input, say

app = typer.Typer(help="The models.", no_args_is_help=True)


@app.command("list")
def list_all() -> None:
    """List the models, and why one cannot be used."""
    from rich.console import Console
    from rich.table import Table

    from napari_etch.models import list_models

    table = Table("name", "kind", "what it is", "usable", box=None, pad_edge=False)
    for info in list_models():
        table.add_row(info.name, info.kind, info.title, "yes" if info.ready else info.why_not)
    Console().print(table)


@app.command()
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name, or path of a model.")],
) -> None:
    """Print a model's card: data, licence, training, scores and limits."""
    from napari_etch.models import load_model
    from napari_etch.results import plain

    with bad_input(f"the model {name}"):
        model = load_model(name)
    card = {
        "name": model.name,
        "title": model.title,
        "weights_hash": model.weights_hash,
        "options": model.segment_options,
        "card": model.card,
    }
    say(json.dumps(plain(card), indent=1, ensure_ascii=False))
