"""Cases of files that are not tables of text, though some look like one."""

import gzip
import io
import zipfile

from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.rocks import MIR, MIR_UM, MIR_WHOLE, absorbance
from recore_support.import_cases.spectra import two_columns
from recore_support.import_cases.text import GERMAN, SPACES, US_TAB

Y = absorbance(MIR_WHOLE.wavenumbers, 1)[0]
JCAMP_HEAD = (
    "##TITLE=rock\n##JCAMP-DX=4.24\n##DATA TYPE=INFRARED SPECTRUM\n##XUNITS=1/CM\n##YUNITS=ABSORBANCE\n"
    f"##FIRSTX=4000\n##LASTX=400\n##NPOINTS={len(Y)}\n##XFACTOR=1\n##YFACTOR=0.0001\n"
)
PAIRS = "".join(f"{x:.0f},{y * 1e4:.0f}\n" for x, y in zip(MIR_WHOLE.positions, Y, strict=True))
ORDINATES = "".join(f"{x:.0f} {y * 1e4:.0f}\n" for x, y in zip(MIR_WHOLE.positions, Y, strict=True))
JCAMP = {
    "pairs": JCAMP_HEAD + "##XYPOINTS=(XY..XY)\n" + PAIRS + "##END=\n",
    "ordinates": JCAMP_HEAD + "##XYDATA=(X++(Y..Y))\n" + ORDINATES + "##END=\n",
    "small letters": (JCAMP_HEAD + "##XYDATA=(X++(Y..Y))\n" + ORDINATES).lower(),
    "after a comment": "$$ exported 2024\n" + JCAMP_HEAD + "##XYPOINTS=(XY..XY)\n" + PAIRS,
    "after an empty line": "\n" + JCAMP_HEAD + "##XYPOINTS=(XY..XY)\n" + PAIRS,
    "with spaces": JCAMP_HEAD.replace("##", "## ").replace("=", " = ") + "## XYPOINTS = (XY..XY)\n" + PAIRS,
    "half the values": JCAMP_HEAD.replace("0.0001", "0.5")
    + "##XYPOINTS=(XY..XY)\n"
    + "".join(f"{x:.0f}, {2 * y:.5f}\n" for x, y in zip(MIR_WHOLE.positions, Y, strict=True)),
    "transmittance": JCAMP_HEAD.replace("ABSORBANCE", "TRANSMITTANCE").replace("0.0001", "1")
    + "##XYPOINTS=(XY..XY)\n"
    + "".join(f"{x:.0f} {10**-y:.5f}\n" for x, y in zip(MIR_WHOLE.positions, Y, strict=True)),
    "byte order mark": "\ufeff" + JCAMP_HEAD + "##PEAK TABLE=(XY..XY)\n" + PAIRS,
}
JASCO = (
    "TITLE\trock\nDATA TYPE\tINFRARED SPECTRUM\nORIGIN\tJASCO\nSPECTROMETER/DATA SYSTEM\tFT/IR\nDELTAX\t-100\n"
    "XUNITS\t1/CM\nYUNITS\t{}\nFIRSTX\t4000\nLASTX\t600\nNPOINTS\t35\nXYDATA\n"
)
PERKIN_ELMER = (
    "PE IR       SUBTECH     SPECTRUM    ASCII       PEDS        4.00        -1\n-1\nrock.sp\n24/03/01\n12:00:00.00\n"
    "24/03/01\n12:00:00.00\nAnn\nrock 7\n#HDR\n-1\n5\nABEX\n#GR\nCM-1\nA\n1.000000\n0.000000\n4000.000000\n"
    "-100.000000\n35\n8\n0.000000\n1.000000\n#DATA\n"
)
ECOSTRESS = (
    "Name: Quartz\nType: Mineral\nClass: Silicate\nParticle Size: 125-500um\nSample No.: S-2A\nOwner: JPL\n"
    "Wavelength Range: TIR\nOrigin: unknown\nDescription: a rock, 25 % mica\nMeasurement: {kind}\n"
    "First Column: X\nSecond Column: Y\nX Units: Wavelength (micrometers)\nY Units: {units}\nFirst X Value: 2.5\n"
    "Last X Value: 15.9\nNumber of X Values: 37\nAdditional Information: none\n\n"
)
HTML = "<html><body><table><tr><td>sample</td><td>4000</td><td>3900</td></tr></table></body></html>"
USGS = "splib07a Record=10001: Quartz GDS74 ASDFRa AREF\n" + "".join(f" {y:.7e}\n" for y in 10**-Y)


def workbook() -> bytes:
    """The container of an Excel workbook."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            archive.writestr(name, "<x/>")
    return file.getvalue()


def refused(name: str, content: bytes | str, file: str = "R1.csv", *questions: str) -> Case:
    """A file that must not be read, as `format` by default."""
    encoded = content.encode() if isinstance(content, str) else content
    return Case(name, {file: encoded}, None, frozenset(questions or ("format",)))


CASES: list[Case] = [
    *(refused(f"JCAMP-DX, {name}", text, "R1.txt") for name, text in JCAMP.items()),
    refused("JCAMP-DX named .csv", JCAMP["pairs"]),
    refused("JCAMP-DX named .dx", JCAMP["ordinates"], "R1.dx"),
    refused("JCAMP-DX in gz", gzip.compress(JCAMP["pairs"].encode()), "R1.txt.gz"),
    two_columns("JASCO", MIR, US_TAB, header=None, file="R1.txt", before=JASCO.format("ABSORBANCE")).or_asks("format"),
    two_columns(
        "JASCO in per cent", MIR, US_TAB, None, "percent", "R1.txt", before=JASCO.format("%TRANSMITTANCE")
    ).asks("format", "quantity"),
    two_columns(
        "JASCO in Kubelka-Munk", MIR, US_TAB, header=None, file="R1.txt", before=JASCO.format("KUBELKA-MUNK")
    ).asks("format", "quantity"),
    refused("PerkinElmer ASCII", PERKIN_ELMER + ORDINATES, "R1.asc"),
    refused("PerkinElmer ASCII with tabs", PERKIN_ELMER + ORDINATES.replace(" ", "\t"), "R1.txt"),
    two_columns(
        "ECOSTRESS",
        MIR_UM,
        US_TAB,
        None,
        "percent",
        "R1.txt",
        before=ECOSTRESS.format(kind="Directional Hemispherical Reflectance", units="Reflectance (percent)"),
    ).asks("quantity", "format"),
    two_columns(
        "ECOSTRESS with spaces",
        MIR_UM,
        SPACES,
        None,
        "percent",
        "R1.spectrum.txt",
        before=ECOSTRESS.format(kind="Reflectance", units="Reflectance (percentage)"),
    ).asks("quantity", "format"),
    two_columns(
        "ECOSTRESS with --convert",
        MIR_UM,
        US_TAB,
        None,
        "percent",
        "R1.txt",
        decimals=6,
        before=ECOSTRESS.format(kind="Reflectance", units="Reflectance (percent)"),
    )
    .with_options(convert="percent")
    .or_asks("format"),
    two_columns(
        "ECOSTRESS in transmittance",
        MIR_UM,
        US_TAB,
        None,
        "fraction",
        "R1.txt",
        before=ECOSTRESS.format(kind="Transmittance", units="Transmittance"),
    ).asks("quantity", "format"),
    two_columns(
        "ECOSTRESS in emissivity",
        MIR_UM,
        US_TAB,
        None,
        file="R1.txt",
        before=ECOSTRESS.format(kind="Emissivity", units="Emissivity"),
    ).asks("quantity", "format"),
    refused("USGS library", USGS, "R1.txt", ANY),
    refused("SPC", bytes([0, 0x4B]) + bytes(510) + Y.astype("<f4").tobytes(), "R1.spc", "format"),
    refused("old SPC", bytes([0, 0x4D]) + bytes(254) + Y.astype("<f4").tobytes(), "R1.spc", "format"),
    refused("OMNIC .spa", b"Spectral Data File\r\n" + bytes(500) + Y.astype("<f4").tobytes(), "R1.spa", "format"),
    refused("PerkinElmer .sp", b"PEPE" + b"\x00\x01" * 200 + Y.tobytes(), "R1.sp", "format"),
    refused("Excel workbook", workbook(), "R1.csv", "format", ""),
    refused("old Excel workbook", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "R1.csv", "format", ""),
    refused("HTML", HTML, "R1.csv", "format", "", "layout"),
    refused("HTML named .xls, with lines", HTML.replace("<tr>", "\n<tr>\n"), "R1.txt", "format", "", "layout"),
    refused("XML", '<?xml version="1.0"?>\n<spectrum><x>4000,3900</x></spectrum>\n', "R1.txt", "format", "", "layout"),
    refused("JSON", '{"wavenumber": [4000, 3900],\n"absorbance": [0.1, 0.2]}\n', "R1.txt", ANY),
    refused("RTF", "{\\rtf1\\ansi 4000,0.1\\par\n3900,0.2\\par}\n", "R1.txt", ANY),
    refused("an assay table instead of spectra", "sample,CuPPM,ZnPPM\na,1,2\nb,3,4\n", "R1.csv", ANY),
    refused("an empty file", "", "R1.csv", ANY),
    refused("a log", "2024-03-01 12:00:01 started\n2024-03-01 12:00:05 done\n", "R1.txt", ANY),
    two_columns("a comment that mentions JCAMP", MIR, GERMAN, before="# converted from JCAMP-DX\n"),
]
