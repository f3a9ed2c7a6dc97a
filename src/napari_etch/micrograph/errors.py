"""The exceptions that this room raises for bad input."""


class MicrographError(ValueError):
    """A micrograph cannot be used; one sentence says which, what is wrong and what to do."""


def not_installed(name: str, what: str, library: str, install: str = "") -> MicrographError:
    """Return the error that a file cannot be read without a library.

    Parameters
    ----------
    name : str
        Of the file.
    what : str
        What it is, such as ``"a CZI file"``.
    library : str
        What is missing.
    install : str
        What pip is to install for it, where that is not the library itself.
    """
    return MicrographError(
        f"{name} is {what}, and {library} is not installed; run: "
        f"python -m pip install {install or library}"
    )


class SeveralImagesError(MicrographError):
    """There are several images where one is wanted.

    Parameters
    ----------
    found : str
        The beginning of the sentence, such as ``"a.tif has 3 pages"``; kept for those who can offer
        more than to give one image, as a command with an option for stacks.
    remedy : str
        What to do.
    """

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found} where one image is wanted; {remedy}")
        self.found = found


class SeveralSeriesError(MicrographError):
    """There are several images in a file, none of them a thumbnail, and none was chosen.

    Parameters
    ----------
    found : str
        The beginning of the sentence.
    names : tuple of str
        Of each series; empty where it has none.
    remedy : str
        What to do.
    """

    def __init__(
        self,
        found: str,
        names: tuple[str, ...],
        remedy: str = "choose one with --series, or save it as a file of its own.",
    ) -> None:
        super().__init__(f"{found}; {remedy}")
        self.names = names


class SeveralChannelsError(MicrographError):
    """There are several channels, and none was chosen.

    Parameters
    ----------
    found : str
        The beginning of the sentence, such as ``"a.tif has 2 channels (0 SE, 1 BSE)"``.
    names : tuple of str
        Of each channel; empty where it has none.
    """

    def __init__(self, found: str, names: tuple[str, ...]) -> None:
        super().__init__(f"{found}; choose one with --channel, or save it as a file of its own.")
        self.names = names
