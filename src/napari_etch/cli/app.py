"""The ``etch`` command: its subcommands, its exit codes, and no traceback."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from napari_etch.cli import (
    count,
    demo,
    evaluate,
    export,
    fit,
    fracture,
    import_,
    measure,
    models,
    pseudo_label,
    repair,
    segment,
    track,
    train,
    virtual,
)
from napari_etch.cli.console import (
    ExitCode,
    fail,
    fail_inside,
    guard_printing,
    print_what_can_be_printed,
    printing_failed,
    quiet_libraries,
    say,
)


class _Commands(TyperGroup):
    """The commands, of which none is stopped in silence."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read what was typed; typer ends a Ctrl-C in it without a word."""
        try:
            return super().make_context(*args, **options)
        except KeyboardInterrupt:
            fail("stopped before it began")
            raise typer.Exit(ExitCode.STOPPED) from None

    def invoke(self, ctx: Any) -> Any:
        """Run a command; those that can say more of what is left say it themselves."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            fail("stopped before the end")
            raise typer.Exit(ExitCode.STOPPED) from None


app = typer.Typer(
    name="etch",
    cls=_Commands,
    help="Grain boundaries, grains and grain size from micrographs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("segment")(segment.segment)
app.command("repair")(repair.repair)
app.command("fracture")(fracture.fracture)
app.command("track")(track.track)
app.command("count")(count.count)
app.command("pseudo-label")(pseudo_label.pseudo_label)
app.command("fit")(fit.fit)
app.command("train")(train.train)
app.command("virtual")(virtual.virtual)
app.command("measure")(measure.measure)
app.command("export")(export.export)
app.command("import")(import_.import_)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(models.app, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        from napari_etch import __version__

        say(f"etch {__version__}")
        raise typer.Exit


@app.callback()
def etch(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Grain boundaries, grains and grain size from micrographs."""
    quiet_libraries()


def main() -> None:
    """Run the ``etch`` command and end the process.

    The exit code is 0 when all was done, 2 for bad usage or input, 1 for an internal error, 130
    after Ctrl-C. With ``ETCH_DEBUG=1`` an internal error shows its traceback.
    """
    print_what_can_be_printed()
    guard_printing()
    try:
        app()
    except SystemExit as ended:
        if printing_failed() and not ended.code:
            sys.exit(ExitCode.BAD_INPUT)
        raise
    except Exception as error:
        fail_inside(error)
        sys.exit(ExitCode.INTERNAL)
