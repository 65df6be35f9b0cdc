"""Words of others for a terminal."""


def plain(text: str, widest: int = 600) -> str:
    """Text in one line, its beginning and its end where it is long, without what a terminal would obey."""
    line = " ".join(text.split()) if "\n" in text else text.rstrip().replace("\t", "    ")
    line = line if len(line) <= widest else f"{line[: widest // 2]} ... {line[-widest // 2 :]}"
    return "".join(letter if letter.isprintable() else "?" for letter in line)
