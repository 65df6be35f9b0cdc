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
    "text with the axis in its header (FIRSTX, LASTX, NPOINTS)": (
        r"\A(?![\s\S]*^XYDATA\b)[\s\S]*^(FIRSTX|LASTX|NPOINTS|DELTAX)\b"
    ),
    "the text format of JASCO": r"^(XYDATA|NPOINTS|DELTAX|XUNITS|YUNITS)\b",
    "ENVI": r"\AENVI\b",
}
BINARY_FORMATS = {b"Spectral Data File": "an OMNIC file (SPA)", b"PEPE": "a PerkinElmer file (SP)"}
SPC_VERSIONS = (0x4B, 0x4C, 0x4D, 0xCF)  # the second byte of an SPC file: its version
# factors of the numbers in a file; the dimensions of a sample, 64 scans x 4 cm-1 and an objective are no factors
NUMBER = r"[+-]?\d[\d.,]*(?:e[+-]?\d+)?(?:\s?\^\s?[+-]?\d+|-\d+(?!\d))?"
TIMES = r"(?:\bx|[*\u00d7]|\btimes|\b(?:multipl|divid)ed by)"
VALUES = (
    r"(?:absorb\w*|\babs\b|extin[ck]\w*|(?<!\w\s)\ba\b|\blog\s?\(?1\s?/\s?[rt]\)?|intensit\w+|signal|values?|data"
    r"|spectr\w+|ordinate\w*|units?)"
)
POWER = r"(?:10{2,}|10\s?\^\s?[+-]?\d+|10-\d+|1e[+-]?\d+)(?![\d.])"
OTHER_NOUN = (
    r"(?!\s*(?:-|to\b|scan|rep|meas|co-?add|acc|average|sample|spectr|point|channel|\d|x\b|[cmn\u03bcu]?m\b|cm|s\b"
    r"|min\b|%|\u00b0|\())"
)
FACTOR_NAME = r"\b(?:[xy][ _-]?(?:factor|scale)|scal(?:e|ing)[ _-]?factor|multiplier)\b"
FACTORS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{FACTOR_NAME}(?P<number>[\s:=,;]*(?:{NUMBER}(?=[\s,;]|$))?)",
        rf"\b(?:scale\s*[:=]|(?:scaled|multiplied|divided)\s+by)(?P<number>\s*{NUMBER})",
        rf"{VALUES}[\s)\]}}:,.(\[{{\"'-]*{TIMES}\s*\(?(?P<number>{NUMBER}){OTHER_NOUN}",
        rf"(?:absorb\w*|\babs\b|\blog\s?\(?1\s?/\s?[rt]\)?)\s*[/(\[]\s*(?P<number>10|{POWER})(?![\d.]){OTHER_NOUN}",
        rf"(?<![\w.])(?P<number>{NUMBER})\s*{TIMES}\s*(?:absorb|abs\b|a\b|log\b)",
        rf"(?P<number>{POWER})\s*(?:absorb|abs\b|a\.?u\b)",
        rf"(?:^|[(\[:;,|\t])\s*{TIMES}\s*(?P<number>10+|{POWER})\s*(?:$|[)\],;|\t])",
        rf"(?:(?<!\d)(?<!\d\s)(?:\bx|\u00d7)|[*])\s?(?P<number>{POWER}){OTHER_NOUN}",
    )
]
OPTICS = re.compile(
    r"(?:magnif\w*|objective|lens|zoom|aperture|microscope|scans?|mm|cm|um|nm|\u03bcm)\W*$", re.IGNORECASE
)


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


def reject_factor(text: str) -> None:
    """Raise Ambiguity if a header, or a line above a table, specifies a factor other than 1 for the numbers."""
    for line in text.splitlines():
        for pattern in FACTORS:
            for factor in pattern.finditer(line):
                is_one = re.fullmatch(
                    r"[\s:=,;]*[+]?1([.,]0*)?(e[+-]?0+)?", factor["number"].rstrip(".,"), re.IGNORECASE
                )
                if not is_one and not OPTICS.search(line[: factor.start()]):
                    reason = f"the file specifies a scale factor ({factor[0].strip()[:40]}), which is not applied"
                    raise Ambiguity("format", f"{reason}; {EXPORT}")
