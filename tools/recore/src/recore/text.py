"""Make text from third-party programs and files safe to print on a terminal."""

import unicodedata

from stagemaker import printable

ELLIPSIS = " ... "


def format_unusual(message: str) -> str:
    """Return the first non-ASCII character that is not a letter, as " (U+2212 MINUS SIGN)", or "" if none is found."""
    bad_letter = next((letter for letter in message if not letter.isascii() and not letter.isalpha()), "")
    if not bad_letter:
        return ""
    return f" ({' '.join([f'U+{ord(bad_letter):04X}', *unicodedata.name(bad_letter, '').split()])})"


def plain(text: str, width: int = 600) -> str:
    """Return text as one printable line of at most `width` characters. The middle of longer lines is left out."""
    line = " ".join(text.split()) if "\n" in text else text.rstrip().replace("\t", "    ")
    if len(line) > width:
        half_width = (width - len(ELLIPSIS)) // 2
        line = line[:half_width] + ELLIPSIS + line[-half_width:]
    return printable(line)


def is_utf_8(message: str) -> bool:
    """Return whether a string, such as the name of a file, can be encoded as UTF-8."""
    try:
        message.encode()
    except UnicodeEncodeError:
        return False
    return True
