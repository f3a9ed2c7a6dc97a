"""``etch models``: what there is to choose from, and the user's own models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from napari_etch.cli.console import ExitCode, bad_input, fail, printing, refuse, say

app = typer.Typer(help="The models.", no_args_is_help=True)

OwnName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a model of your library.")]


@app.command("list")
def list_all(
    as_json: Annotated[
        bool,
        typer.Option("--json", help="For programs: with path, size, date and origin of each."),
    ] = False,
) -> None:
    """List the models, and why one cannot be used."""
    if as_json:
        _print_json()
        return
    from rich.console import Console
    from rich.table import Table

    from napari_etch.models import list_models

    table = Table("name", "kind", "what it is", "usable", box=None, pad_edge=False)
    for info in list_models():
        own = getattr(info, "licence", "") == "yours"
        about = getattr(info, "description", "") if own else info.title
        table.add_row(info.name, info.kind, about, "yes" if info.ready else info.why_not)
    with printing():
        Console(markup=False).print(table)


def _print_json() -> None:
    from napari_etch.models.listing import describe_models
    from napari_etch.results import plain

    say(json.dumps(plain(describe_models()), indent=1, ensure_ascii=False))


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


@app.command()
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="BACKBONE", help="Such as vit_small_patch14_dinov2.")
    ],
) -> None:
    """Download the public weights of a backbone, check and keep them."""
    from napari_etch.cli.console import note
    from napari_etch.cli.progress import progress_bar
    from napari_etch.models.backbones import COMPACT_NAME, load_backbone, weights_path

    with progress_bar(name) as show, bad_input(f"the backbone {name}"):

        def received(so_far: int, whole: int | None) -> None:
            show(so_far / whole if whole else 0.0, None, f"{so_far / 1e6:.0f} MB")

        _, weights_hash = load_backbone(name, show=received, tell=note)
    where = "in the package" if name == COMPACT_NAME else weights_path(name)
    say(f"{name} is {where} (weights {weights_hash})")


@app.command()
def export(
    name: OwnName,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The .etch file to write; or --out FILE.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The .etch file to write.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Write a model of your library as one .etch file."""
    from napari_etch.models.library import export_model
    from napari_etch.models.weights_file import SUFFIX

    if (file is None) == (out is None):
        refuse(f"say once where {name} is to be written: give one FILE, or --out FILE")
    file = file or out
    assert file is not None
    written = file if file.suffix == SUFFIX else file.with_name(file.name + SUFFIX)
    if written.exists() and not overwrite:
        refuse(f"{written} exists: choose another name, or add --overwrite")
    with bad_input(f"the model {name}"):
        written = export_model(name, file, overwrite=overwrite)
    say(f"{name} -> {written}")


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An .etch file, or a model's folder.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Another name than its own.")
    ] = None,
) -> None:
    """Check a model and copy it into your library; no code of the file runs."""
    from napari_etch.models.importing import import_model

    with bad_input(str(file)):
        model = import_model(file, name)
    say(f"{file} is now {model.name} in your library")


@app.command()
def rename(
    name: OwnName,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name.")],
) -> None:
    """Rename a model of your library."""
    from napari_etch.models.library import rename_model

    with bad_input(f"the model {name}"):
        model = rename_model(name, new)
    say(f"{name} is now {model.name}")


@app.command()
def delete(
    name: OwnName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a model of your library for good."""
    from napari_etch.models.library import delete_model, own_model

    with bad_input(f"the model {name}"):
        model = own_model(name)
    if not yes and not _confirmed(f"Delete {model.title} for good?"):
        say("nothing was deleted")
        return
    with bad_input(f"the model {name}"):
        delete_model(name)
    say(f"{name} was deleted")


def _confirmed(question: str) -> bool:
    """Ask; where nobody answers, say how to do without."""
    try:
        return typer.confirm(question)
    except typer.Abort as error:
        # what stands for both the end of the input and Ctrl-C
        if isinstance(error.__context__, KeyboardInterrupt):
            fail("stopped; nothing was deleted")
            raise typer.Exit(ExitCode.STOPPED) from None
        refuse("nobody answered, so nothing was deleted: --yes deletes without asking")
