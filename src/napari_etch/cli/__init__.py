"""The ``etch`` command."""

import sys

__all__ = ["main"]

_STOPPED = 130  # as `console.ExitCode` has it, which is not imported yet


def main() -> None:
    """Run the ``etch`` command and end the process; see `cli.app.main`."""
    try:  # a Ctrl-C while the program is still being read ends with a sentence, too
        from napari_etch.cli.app import main as run
    except KeyboardInterrupt:
        sys.stderr.write("etch: stopped before it began\n")
        sys.exit(_STOPPED)
    run()
