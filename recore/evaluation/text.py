"""Makes text from elsewhere fit for a terminal."""

OMISSION = " ... "


def plain(text: str, widest: int = 600) -> str:
    """Text as one line of printable characters, at most `widest` of them: the middle of a longer line is left out."""
    line = " ".join(text.split()) if "\n" in text else text.rstrip().replace("\t", "    ")
    if len(line) > widest:
        half = (widest - len(OMISSION)) // 2
        line = line[:half] + OMISSION + line[-half:]
    return "".join(letter if letter.isprintable() else "?" for letter in line)
