"""What a participant is told about a file that is missing, if one of a similar name, or a notebook, is there."""

from collections.abc import Collection


def other_case(wanted: str, names: Collection[str]) -> str | None:
    """The name that differs from the wanted one in upper and lower case alone, which Linux distinguishes."""
    if wanted in names:
        return None
    return next((name for name in sorted(names) if name.lower() == wanted.lower()), None)


def similar_file_hint(wanted: str, names: Collection[str]) -> str | None:
    """What to do about a missing file, if the folder with these names has one that was meant; otherwise None."""
    if similar := other_case(wanted, names):
        return f"rename {similar} to {wanted}: jobs run on Linux, which distinguishes upper and lower case"
    notebook = next((name for name in sorted(names) if name.endswith(".ipynb")), None)
    if notebook and "train.py" not in names:
        return (
            f"jobs cannot run a notebook: `jupyter nbconvert --to script --output train {notebook}` writes its code to "
            "train.py; `recore new FOLDER` writes the files that belong to it"
        )
    return None
