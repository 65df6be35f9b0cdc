"""The vocabulary of headers, comments and cells in text files: axes, quantities, units, names and numbers."""

import re
import unicodedata

DASHES: dict[int, str] = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))
# spaces of all widths, and invisible characters: direction marks, joiners, byte-order marks
SPACES = str.maketrans(dict.fromkeys("\u00a0\u2002\u2003\u2007\u2008\u2009\u200a\u202f\u3000", " "))
INVISIBLE_CHARACTERS = str.maketrans(dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"))
# characters in numbers that are not ASCII: dashes for the minus, full-width digits, and signs of limits
NUMBER_CHARACTERS: dict[int, str] = DASHES | str.maketrans(
    {
        **dict.fromkeys("\u2014\ufe63\uff0d", "-"),
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        **{chr(ord(sign) + 0xFEE0): sign for sign in "+.,<>"},
        **{"\u2264": "<", "\u2265": ">"},
    }
)
NUMBER = re.compile(r"[<>]? ?[+-]?[\d.,' \u2019]*(?:[eE][+-]?\d+)?", re.ASCII)


def normalise_text(text: str) -> str:
    """Compose accents, and replace or remove unusual spaces and invisible characters, so that lookalikes are equal."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.translate(INVISIBLE_CHARACTERS)).translate(SPACES)


def normalise_number(cell: str) -> str:
    """Convert a number with a Unicode minus or full-width digits, or a dash for a missing value, to ASCII."""
    if cell.isascii():
        return cell
    plain = cell.translate(NUMBER_CHARACTERS)
    return plain if NUMBER.fullmatch(plain) else cell


def separate_words(text: str) -> str:
    """Return text in lower case, with a space instead of each underscore and before a capital in a word.

    Superscript digits become digits, the two micro signs become one, and accents are removed.
    """
    letters = unicodedata.normalize("NFKD", text).translate(DASHES).replace("_", " ")
    text = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", text).lower()


# Fixes within the file, for users without options; "" if another file is needed.
QUESTIONS = {
    "unit": "name the axis 'wavenumber (cm-1)' or 'wavelength (nm)', or the channels '1005 nm'",
    "quantity": "if the values are absorbance, state this in the header",
    "decimal": "write all numbers with a decimal point and without thousands separators",
    "sample": "name the column of samples 'sample'",
    "replicate": "",
    "content-unit": "add the unit to the names of the columns",
    "target": "give each target one column, named as in the schema",
    "channels": "name the channels by their wavenumbers",
    "peaks": "",
    "format": "",
    "layout": "",
}


class Ambiguity(ValueError):
    """The meaning of a file's numbers is ambiguous. message: an explanation with the fix. id: a key of QUESTIONS."""

    def __init__(self, id: str, message: str) -> None:
        super().__init__(id, message)
        self.id, self.message = id, message

    def __str__(self) -> str:
        return self.message
