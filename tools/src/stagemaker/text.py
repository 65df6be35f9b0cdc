"""Makes text from programs and files of others fit for a terminal."""


def printable(text: str) -> str:
    """The text with a question mark for each character that is neither printable, nor a tab or a line feed."""
    return "".join(letter if letter.isprintable() or letter in "\t\n" else "?" for letter in text.replace("\r\n", "\n"))
