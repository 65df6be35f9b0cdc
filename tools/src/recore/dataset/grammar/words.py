"""Text as its words: wl_nm has two, and so has MicroLab."""

import re
import unicodedata

DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))


def separate_words(text: str) -> str:
    """The text in lower case with spaces instead of _ and between a small letter and a capital one.

    What is written in several ways is the same: a raised 1, the two signs for micro, letters with accents.
    """
    letters = unicodedata.normalize("NFKD", text).translate(DASHES).replace("_", " ")
    text = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", text).lower()
