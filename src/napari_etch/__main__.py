"""``python -m napari_etch``: the ``etch`` command, where its script is not on the path."""

from napari_etch.cli import main

if __name__ == "__main__":
    main()
