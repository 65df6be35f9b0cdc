"""Make text from third-party programs and files safe to print on a terminal."""

import unicodedata

from stagemaker import printable

ELLIPSIS = " ... "


def format_unusual(text: str) -> str:
    """Return the first character that is neither ASCII nor a letter, as " (U+2212 MINUS SIGN)", or "" if none is."""
    unusual = next((letter for letter in text if not letter.isascii() and not letter.isalpha()), "")
    if not unusual:
        return ""
    return f" ({' '.join([f'U+{ord(unusual):04X}', *unicodedata.name(unusual, '').split()])})"


def plain(text: str, width: int = 600) -> str:
    """Return text as one printable line of at most `width` characters. The middle of longer lines is left out."""
    line = " ".join(text.split()) if "\n" in text else text.rstrip().replace("\t", "    ")
    if len(line) > width:
        half = (width - len(ELLIPSIS)) // 2
        line = line[:half] + ELLIPSIS + line[-half:]
    return printable(line)


def is_utf_8(text: str) -> bool:
    """Whether a string, such as the name of a file, can be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
