"""Makes text from programs and files of others fit for a terminal."""

import unicodedata

from stagemaker import printable

OMISSION = " ... "


def name_unusual(text: str) -> str:
    """Return the first character that is neither ASCII nor a letter, as " (U+2212 MINUS SIGN)", or "" if all are."""
    unusual = next((letter for letter in text if not letter.isascii() and not letter.isalpha()), "")
    if not unusual:
        return ""
    return f" ({' '.join([f'U+{ord(unusual):04X}', *unicodedata.name(unusual, '').split()])})"


def plain(text: str, widest: int = 600) -> str:
    """The text as one printable line of at most `widest` characters; the middle of a longer line is left out."""
    line = " ".join(text.split()) if "\n" in text else text.rstrip().replace("\t", "    ")
    if len(line) > widest:
        half = (widest - len(OMISSION)) // 2
        line = line[:half] + OMISSION + line[-half:]
    return printable(line)


def is_utf_8(text: str) -> bool:
    """Whether a string, such as the name of a file, can be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
