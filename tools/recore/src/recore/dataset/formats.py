"""Reject formats that look like tables of numbers, but whose numbers mean something else."""

import re

from recore.dataset.grammar import Ambiguity

EXPORT = "export the spectra as CSV with wavenumbers and absorbance"
# patterns in the first lines of a file
TEXT_FORMATS = {
    "JCAMP-DX": r"^##\s*(title|jcamp[- ]?dx|xydata|xypoints|peak table|data type)\s*=",
    "the text format of PerkinElmer": r"\APE +(IR|UV|FL)\b|^#(HDR|GR|DATA)\s*$",
    "the text format of Shimadzu": r"^\[(Header|Data|Spectrum|File Information)\]",
    "the text format of SVC field spectrometers": r"\A/\*\*\* Spectra Vista",
    "the text format of JASCO": r"^(XYDATA|NPOINTS|DELTAX|XUNITS|YUNITS)\b",
    "ENVI": r"\AENVI\b",
}
BINARY_FORMATS = {b"Spectral Data File": "an OMNIC file (SPA)", b"PEPE": "a PerkinElmer file (SP)"}
SPC_VERSIONS = (0x4B, 0x4C, 0x4D, 0xCF)  # the second byte of an SPC file: its version
# a factor by which the numbers in the file must be multiplied
FACTOR = re.compile(r"\b(?P<name>[xy][ _-]?factor|scale[ _-]?factor|multiplier)\b(?P<value>.*)", re.IGNORECASE)


def reject_format(beginning: str) -> None:
    """Raise Ambiguity if the first lines of a file show that its format is not supported."""
    for name, pattern in TEXT_FORMATS.items():
        if re.search(pattern, beginning, re.IGNORECASE | re.MULTILINE):
            raise Ambiguity("format", f"this is {name}, which is not supported; {EXPORT}")


def detect_format(head: bytes) -> str:
    """Return the binary spectrum format of a file that begins with these bytes, or "" if it is unknown."""
    if len(head) > 64 and head[1] in SPC_VERSIONS and 0 in head[2:64] and not chr(head[0]).isalnum():
        return "an SPC file"
    return next((name for beginning, name in BINARY_FORMATS.items() if head.startswith(beginning)), "")


def reject_factor(preamble: str) -> None:
    """Raise Ambiguity if the lines above a table specify a factor other than 1 for its numbers."""
    for factor in FACTOR.finditer(preamble):
        if not re.fullmatch(r"[\s:=,;]*1(\.0*)?\s*", factor["value"]):
            reason = f"the file specifies a scale factor ({factor['name']}), which is not applied; {EXPORT}"
            raise Ambiguity("format", reason)
