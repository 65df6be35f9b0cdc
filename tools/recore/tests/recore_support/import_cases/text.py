"""How programs and countries write a table as text: separator, decimal and thousands marks, line ends, encoding."""

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TextFormat:
    """A way to write tables. `thousands` "" does not group digits. `quoted`: every cell is in quotation marks."""

    separator: str = ","
    decimal: str = "."
    thousands: str = ""
    newline: str = "\n"
    encoding: str = "utf-8"
    quoted: bool = False
    gzipped: bool = False

    def number(self, value: float, decimals: int) -> str:
        """A number as this program writes it."""
        marks = {",": self.thousands, ".": self.decimal}
        return "".join(marks.get(character, character) for character in f"{value:,.{decimals}f}")

    def text(self, rows: Iterable[Sequence[str]]) -> str:
        """The lines of a table."""
        file = io.StringIO()
        quoting = csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL
        csv.writer(file, delimiter=self.separator, quoting=quoting, lineterminator="\n").writerows(rows)
        return file.getvalue()

    def content(self, rows: Iterable[Sequence[str]], before: str = "", after: str = "") -> bytes:
        """A file of a table, with text before and after it."""
        return self.encode(before + self.text(rows) + after)

    def encode(self, text: str) -> bytes:
        """The bytes of lines that end in a line feed."""
        content = text.replace("\n", self.newline).encode(self.encoding)
        return gzip.compress(content, mtime=0) if self.gzipped else content


US = TextFormat()
US_GROUPED = TextFormat(thousands=",")
US_TAB = TextFormat("\t")
US_TAB_GROUPED = TextFormat("\t", thousands=",", newline="\r\n")
US_SEMICOLON = TextFormat(";")
SPACES = TextFormat(" ")
QUOTED = TextFormat(quoted=True)
WINDOWS = TextFormat(newline="\r\n", encoding="utf-8-sig")
OLD_MAC = TextFormat(newline="\r")
GZIPPED = TextFormat(gzipped=True)
GERMAN = TextFormat(";", ",")
GERMAN_TAB = TextFormat("\t", ",", newline="\r\n")
GERMAN_EXCEL = TextFormat(";", ",", ".", newline="\r\n", encoding="cp1252")
FRENCH_EXCEL = TextFormat(";", ",", "\u00a0", newline="\r\n", encoding="cp1252")
FRENCH_EXCEL_UTF8 = TextFormat(";", ",", "\u202f", newline="\r\n", encoding="utf-8-sig")
FRENCH_SPACES = TextFormat(";", ",", " ", newline="\r\n", encoding="utf-8-sig")
SWISS_EXCEL = TextFormat(";", ".", "'", newline="\r\n", encoding="utf-8-sig")
SWISS_TYPOGRAPHIC = TextFormat(";", ".", "\u2019", newline="\r\n", encoding="utf-8-sig")
UNICODE_TEXT = TextFormat("\t", newline="\r\n", encoding="utf-16")  # as Excel calls it
UNICODE_TEXT_GERMAN = TextFormat("\t", ",", newline="\r\n", encoding="utf-16")
R_CSV2 = TextFormat(";", ",", quoted=True)

FORMATS = {
    "US csv": US,
    "US csv, grouped": US_GROUPED,
    "US tab": US_TAB,
    "US tab, grouped": US_TAB_GROUPED,
    "semicolons and points": US_SEMICOLON,
    "quoted csv": QUOTED,
    "Windows csv": WINDOWS,
    "old Mac": OLD_MAC,
    "gzipped csv": GZIPPED,
    "German": GERMAN,
    "German tab": GERMAN_TAB,
    "German Excel": GERMAN_EXCEL,
    "French Excel": FRENCH_EXCEL,
    "French Excel, UTF-8": FRENCH_EXCEL_UTF8,
    "French with spaces": FRENCH_SPACES,
    "Swiss Excel": SWISS_EXCEL,
    "Swiss Excel, typographic": SWISS_TYPOGRAPHIC,
    "Unicode text": UNICODE_TEXT,
    "Unicode text, German": UNICODE_TEXT_GERMAN,
}
