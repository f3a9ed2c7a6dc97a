"""Where the images of annotations are, and how large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from napari_etch.labels.report import LabelsError
from napari_etch.micrograph import IMAGE_SUFFIXES, MicrographError
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.reading import composed, read_numbers

Shape = tuple[int, int]


def base_name(path: str) -> str:
    """Return the last part of a path or address, whichever system wrote it; see `composed`."""
    return composed(PurePosixPath(path.replace("\\", "/")).name)


def stem_of(path: str) -> str:
    """Return the name of an image without folder and ending."""
    name = base_name(path)
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in IMAGE_SUFFIXES else name


class ImageFinder:
    """Finds images by name in folders, and their sizes.

    Parameters
    ----------
    places : iterable of Path
        Folders, whose images count, and images.
    shapes : mapping of str to (rows, columns), optional
        Sizes of images by file name or stem; they go before what is found.
    given : iterable of Path
        Places that the user names; an image there goes before one of its stem elsewhere.
    choice : Choice
        Which series and channel of a file an image is.
    """

    def __init__(
        self,
        places: Iterable[Path],
        shapes: Mapping[str, Shape] | None = None,
        *,
        given: Iterable[Path] = (),
        choice: Choice = ALL,
    ) -> None:
        self._choice = choice
        self._by_name: dict[str, Path] = {}
        self._by_stem: list[dict[str, list[Path]]] = []
        self._shapes = {
            composed(key): (int(size[0]), int(size[1])) for key, size in (shapes or {}).items()
        }
        for group in (given, places):
            self._by_stem.append({})
            for path in (path for place in group for path in _images_in(place)):
                self._by_name.setdefault(composed(path.name), path)
                self._by_stem[-1].setdefault(composed(path.stem), []).append(path)

    def path(self, file_name: str, *, apart_from: Path | None = None) -> Path | None:
        """Return the image that a file calls so: by its name, or by its stem if only one has it.

        A mask lies `apart_from` its image and may have its name.
        """
        found = self._by_name.get(base_name(file_name))
        if found is not None and found != apart_from:
            return found
        same = self._of_stem(file_name, apart_from)
        return same[0] if len({path.name for path in same}) == 1 else None

    def not_found(self, file_name: str) -> str:
        """Return "was not found", with the images that it may be where these are several."""
        names = sorted({path.name for path in self._of_stem(file_name)})
        which = f" (it may be {', '.join(names[:-1])} or {names[-1]})" if len(names) > 1 else ""
        return f"was not found{which}"

    def _of_stem(self, file_name: str, apart_from: Path | None = None) -> list[Path]:
        """Return the images of a stem in the first group of places that has one."""
        listed = (by_stem.get(stem_of(file_name), []) for by_stem in self._by_stem)
        apart = ([path for path in group if path != apart_from] for group in listed)
        return next((same for same in apart if same), [])

    def shape(self, file_name: str) -> Shape | None:
        """Return the rows and columns of an image, None when nothing is known."""
        for key in (base_name(file_name), stem_of(file_name)):
            if key in self._shapes:
                return self._shapes[key]
        path = self.path(file_name)
        return None if path is None else image_shape(path, self._choice)


def _images_in(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(
            path
            for path in place.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and path.name[0] != "."
        )
    return [place] if place.is_file() else []


def image_shape(path: Path, choice: Choice = ALL) -> Shape:
    """Return the rows and columns of an image from its header.

    Parameters
    ----------
    path : Path
    choice : Choice
        Of a file with several series or data sets.

    Raises
    ------
    LabelsError
        When it cannot be read.
    """
    if choice.series is not None or path.suffix.lower() not in IMAGE_SUFFIXES:  # of no one header
        try:
            rows, columns = read_numbers(path, choice).shape[:2]
        except MicrographError as error:
            raise LabelsError(str(error)) from error
        return rows, columns
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            with tifffile.TiffFile(path) as tif:
                page = tif.pages.first
                return int(page.imagelength), int(page.imagewidth)
        from PIL import Image

        with Image.open(path) as image:
            return image.height, image.width
    except Exception as error:  # decoders raise anything on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LabelsError(f"{path} cannot be read as an image ({reason}).") from error
