"""The ``etch`` command."""

import sys

__all__ = ["main"]

_STOPPED = 130  # as `console.ExitCode` has it, which is not imported yet


def main() -> None:
    """Run the ``etch`` command and end the process; see `cli.app.main`."""
    try:
        from napari_etch.cli.app import main as run

        run()
    except KeyboardInterrupt:  # the program or its options were still being read
        sys.stderr.write("etch: stopped before it began\n")
        sys.exit(_STOPPED)
