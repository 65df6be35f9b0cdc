"""Makes text from programs and files of others fit for a terminal."""

from stagemaker import printable

OMISSION = " ... "


def plain(text: str, widest: int = 600) -> str:
    """The text as one printable line of at most `widest` characters; the middle of a longer line is left out."""
    line = " ".join(text.split()) if "\n" in text else text.rstrip().replace("\t", "    ")
    if len(line) > widest:
        half = (widest - len(OMISSION)) // 2
        line = line[:half] + OMISSION + line[-half:]
    return printable(line)


def is_utf_8(text: str) -> bool:
    """Whether a text, such as a file's name, can be written as UTF-8: it came from bytes that are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
