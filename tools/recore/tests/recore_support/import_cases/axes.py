"""Cases of the axis and the quantity: words and units that state them, and files that do not state them."""

import numpy as np

from recore_support.import_cases.building import (
    GERMAN,
    GERMAN_TAB,
    MIR,
    MIR_NM,
    MIR_UM,
    MIR_WHOLE,
    NIR,
    NIR_NM,
    NIR_OPUS,
    OMNIC,
    OPUS,
    US_TAB,
    VISNIR_NM,
    WINDOWS,
    Axis,
    axis,
    split_list,
    table,
    transpose,
    two_columns,
)
from recore_support.import_cases.case import ERROR, NO_ID, Case, ask, may_ask

# "Wavelength (cm-1)": some software calls every axis a wavelength; "Spectrum" has "um" in it; MicroLab is a program
WAVENUMBER_WORDS = split_list("""
    Wavenumber (cm-1)|Wavenumbers [1/cm]|Wavenumber|wavenumber_cm-1|cm-1|cm^-1|1/cm|Wellenzahl [cm-1]|Wellenzahl
    Nombre d'onde (cm-1)|N\u00famero de onda (cm-1)|Wave number / cm-1|Wavelength (cm-1)|Frequency (cm-1)|WN|x|XData
    Wellenzahl (cm\u207b\u00b9)|Spectrum|Datum|MicroLab|Agilent MicroLab wavenumber|microscope x|Energy (cm-1)
    Frequency / cm-1|Photon energy in wavenumbers|\uff37avenumber \uff08cm\uff0d1\uff09|Wavenumber (cm\u22121)
""")
NANOMETRE_WORDS = split_list("""
    Wavelength (nm)|wavelength_nm|wl_nm|WavelengthNm|nm|lambda [nm]|Wellenl\u00e4nge [nm]|Wellenlaenge (nm)
    Longueur d'onde (nm)|Longitud de onda (nm)|Wavelength/nm|nm.|WAVELENGTH NM|Wavelength, nanometers|wavelength.nm
""")
MICROMETRE_WORDS = split_list("""
    Wavelength (\u00b5m)|Wavelength (\u03bcm)|wavelength_um|um|microns|Wavelength (microns)|Wavelength (micrometers)
    Wavelength [micrometres]|Wellenl\u00e4nge [\u00b5m]
""")
OTHER_AXES = split_list("""
    Energy (meV)|eV|Photon energy [keV]|Frequency (GHz)|E (kJ/mol)|kcal mol-1|Energy (Hartree)|k / rad cm-1
    Angular wavenumber (rad/cm)|Raman shift (cm-1)|Raman Shift / cm-1|2theta|2\u03b8 (deg)|Two-Theta|m/z
    Retention time (min)|Minutes|seconds|Chemical shift (ppm)|ppm|Temperature (K)
""")
OTHER_UNITS = {  # name of the axis: positions of 4000 to 600 cm-1, decimals
    "Wavenumber (m-1)": (MIR.positions * 100, 0),
    "Wavenumber [1/m]": (MIR.positions * 100, 0),
    "Wavenumber (mm-1)": (MIR.positions / 10, 1),
    "Energy (eV)": (MIR.positions * 1.239842e-4, 6),
    "Wavelength (\u00c5)": (1e8 / MIR.positions, 0),
    "Wavelength (angstrom)": (1e8 / MIR.positions, 0),
    "Wavelength (mm)": (10 / MIR.positions, 6),
    "Wavelength (m)": (1e-2 / MIR.positions, 9),
    "Frequency [THz]": (MIR.positions * 0.0299792458, 5),
}
AMBIGUOUS = [
    *(VISNIR_NM, VISNIR_NM.reversed, NIR_NM, MIR_NM, MIR_UM, MIR_UM.reversed),
    axis(2500, 1000, -50, decimals=0),
    axis(2650, 14900, 350, decimals=0),
    axis(7500, 8000, 12.5),
    axis(3000, 25000, 500, "nm", 0),
    axis(25000, 4000, -500, decimals=0),
    axis(2500, 15000, 250, "nm", 0),
    axis(400, 14000, 400, "nm", 0),
    *(axis(4000, 4000 + 34 * step, step, decimals=2) for step in (48.21, 25)),
    *(Axis(np.round(1e7 / np.arange(first, 690, -100), 2), "nm", 2) for first in (3800.0, 4000.0)),
]
PLAIN_CASES = [
    *(MIR, MIR.reversed, MIR_WHOLE, OPUS, OMNIC, NIR, NIR_OPUS),
    axis(7800, 3600, -120, decimals=0),
    axis(4000, 600, -1.93, decimals=0),
    *(axis(4000, 4000 + 34 * step, step, decimals=3) for step in (3.857, 7.714)),  # ascending, with the step of a laser
]
PREFIXES = split_list("m|V|wn|abs|nir|v.|X.|Y_|spec_|A|wavenumber|mir-|scan2_")
# words and settings that are not the unit of the axis, above a header without a unit
MISLEADING_TITLES = split_list("""
    gemessen um 12:30 Uhr|Messung um neun|collected near Socorro, NM|particle size (um): 63
    laser wavelength (nm): 632.8|pixel size in um: 6.25|thickness (um); 12
""")
SILENT_COMMENTS = [  # above a spectrum without a header, too
    "[cm-1] as exported\n",
    "Instrument,Alpha\nScans,32\n",
    "".join(f"# setting {index}\n" for index in range(60)),
    *(
        f"# {comment}\n"
        for comment in split_list("""
            Spectra of drill hole D1|Site: 12 km north of Perth|Irradiance calibration 2020|attenuated total reflectance
            Lamp: 12 V, counts: 32 scans|no derivative, not normalised|MicroLab, resolution: 4 cm-1, laser 633 nm
            scale factor: 1|collected near Socorro, NM
        """)
    ),
]
ASKING_COMMENTS = {
    "unit": ["# wavelength, measured in steps\n", "# axis: nm or cm-1\n"],
    "quantity": [
        "# mAbs\n",
        "# optical depth\n",
        "# Difference spectrum\n",
        "# reflectance\n",
        "# Diffuse reflectance spectra of pulps\n",
        "# second derivative\n",
    ],
    "format": [
        f"{title}\n"
        for title in split_list("""
            # YFACTOR: 0.25|scale factor,1000|Absorbance x 10|soil 7 *1000|# x1000|x 10|# values multiplied by 1000
            # scale: 1000|# absorbance \u00d7 10\u00b3|1000 x absorbance|Abs. x 100|A*1000|# log(1/R) x 10
            scaling factor = 10
        """)
    ],
}
NM_COMMENTS = ["# wavelength (nm), 360 points\n", "# x: wavelength in nm; 4 scans\n", "# nm\n"]
SETTINGS = ["resolution: 4 cm-1", "laser 785 nm", "4 cm-1, 64 scans"]  # insufficient in the visible range

ABSORBANCE_WORDS = split_list("""
    Absorbance|Absorbance (a.u.)|Absorbance [A.U.]|Absorbance Units|absorbance_au|A|Abs|Abs.|log(1/R)|log 1/R
    Log10(1/R)|log(1/T)|-log10(R)|log (1/reflectance)|Extinktion|Absorbanz|pseudo absorbance|Absorbancia
    log(1/Reflectance)|Log(1/Transmittance)|Absorbance (log 1/R)|apparent absorbance|decadic absorbance
    Absorbance (base 10)
""")
NEUTRAL_WORDS = split_list("Intensity|Signal|Value|y|R1|T12|Wert|Sample 4|rock_R2|KM3 12.5|5001")
REFLECTANCE_WORDS = {
    "fraction": split_list("""
        Reflectance|reflectance_frac|Diffuse Reflectance|Reflectivity|Refl.|R\u00e9flexion|Riflettanza|Remission
        Transmittance|Transmitancia|Transmissionsgrad|Relative reflectance factor
    """),
    "percent": split_list("""
        R%|%R|R [%]|Reflectance (%)|ReflectancePercent|R\u00e9flectance (%)|Reflexion [%]|Reflectancia (%)
        Remissionsgrad [%]|Transmission [%]|% Transmittance|%T|T (%)|T%|transmittance_pct
    """),
}
REJECTED_WORDS = split_list("""
    Kubelka-Munk|Kubelka Munk|KubelkaMunk|K-M|KM|F(R)|Single Beam|SingleBeam|single_beam|Single channel|Emissivity
    emissivity_frac|Emittance|First derivative|1st derivative of absorbance|Absorbance, 2nd derivative|Interferogram
    second_derivative|SecondDerivative|Absorptance|Photoacoustic|Raman intensity|Radiance|ln(1/R)|-ln(R)|mOD
    Absorption coefficient (cm-1)|Absorbance (mAU)|d(A)/d(x)|Absorbance derivative|Extinction coefficient
    Refractive index|Single Channel Sample|Napierian absorbance|Neperian|Naperian absorbance|Absorbance (base e)|lnR
    Optical depth|optical thickness|log_e(1/R)|Difference absorbance|\u0394A|\u2206A|delta A|DeltaAbs|Residual|mAbs
    mA.U.|residual absorbance|Absorbance residual|baseline-subtracted absorbance|Absorbance (%)|Differential absorbance
""")
UNSURE_WORDS = split_list("""
    Absorbance (normalised)|SNV absorbance|Absorbance, baseline corrected|ATR units|Absorption|Optical density|D1
""")
HARMLESS_COMMENTS = split_list("""
    64 scans, 50 % humidity|T = 25 C|Operator: K. M. Jones|background: single beam of KBr|detector cut-off 16 um
    reflectance standard: Spectralon|beam splitter for 350 to 7800 cm-1|A. Smith, R. Miller, T. Brown
    transmittance window: KBr|first derivative not applied|sampling interval 1.4 nm at 1000 nm
    reference laser: 633 nm|converted from JCAMP-DX|10 scans|resolution 4|64 scans x 4 cm-1|sample of 5 x 5 mm
    aperture 100x100 um|objective x 100|10x objective|YFACTOR=1.0, XFACTOR=1|scale factor 1.000000E+00|data 1/10/2024
""")

PEAKS = Axis(np.array([3620.4, 3412.9, 2927.1, 1634.7, 1430.2, 1376.1, 1030.3, 914.2, 798.5, 694.8, 532.1, 470.6]))
NIR_AND_MIR = Axis(np.concatenate([np.arange(7000, 4000, -16), np.arange(3998, 2400, -4), np.arange(2280, 600, -4)]))
SATELLITE = Axis(np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]), decimals=0)
NUMBERS = "5001|5002|5003|5004|5005|5006|5007|5008"


def line_of_wavelengths() -> Case:
    wavelengths = ",".join(["Wavelength (nm)", *(f"{1e7 / x:.1f}" for x in MIR.positions)])
    return table(columns={"Wavenumber (cm-1)": "R1|R2|R3"}).edited("\nR1", f"\n{wavelengths}\nR1")


AXES = [
    *(two_columns(word) for word in WAVENUMBER_WORDS),
    *(two_columns(word, axis=MIR_NM) for word in NANOMETRE_WORDS),
    *(two_columns(word, axis=MIR_UM) for word in MICROMETRE_WORDS),
    *(two_columns(None, axis=positions) for positions in PLAIN_CASES),
    *(table(positions) for positions in PLAIN_CASES),
    *ask("unit", *(two_columns(None, axis=positions) for positions in AMBIGUOUS)),
    *ask("unit", *(table(positions) for positions in AMBIGUOUS)),
    *ask("unit", *(two_columns(word, "Intensity") for word in OTHER_AXES)),
    *ask("unit", *(table(channel=word + "{}") for word in ("Raman shift ", "m/z ", "eV_"))),
    *ask(
        ("unit", ERROR),
        *(two_columns(word, "A", Axis(np.round(x, n), decimals=n)) for word, (x, n) in OTHER_UNITS.items()),
    ),
    # words that state no unit
    *ask(
        "unit",
        two_columns("wl", "abs", MIR_NM),
        two_columns("Wavelength", "A", VISNIR_NM),
        two_columns("Wellenlaenge", "Extinktion", NIR_NM),
        two_columns("MicroLab", axis=MIR_NM),
        two_columns("column m", axis=MIR_NM),
        two_columns("x", "A", VISNIR_NM),
        table(VISNIR_NM, channel="m{}"),
        table(MIR_UM, channel="wl{}"),
        table(channel="wl{}"),
        table(NIR_NM, columns={"AcquisitionDate": "2024-03-01|2024-03-01|2024-03-01", "SampleName": "R1|R2|R3"}),
        table(VISNIR_NM, columns={"PointID": "101|102|205"}, index="101|102|205", channel="spc.{}"),
    ),
    *may_ask("unit", two_columns("Wavelength", "A"), two_columns(None, axis=axis(4000, 9985, 192.87, decimals=2))),
    two_columns("Wellenzahl", axis=axis(2500, 1000, -50)),
    two_columns("Wavenumber", axis=NIR.reversed),
    two_columns("cm-1", "A", axis(350, 2500, 50)),
    table(axis(600, 4000, 40, decimals=0), channel="X{}"),
    *(table(columns={word: "R1|R2|R3"}) for word in ("Time", "Sample / ppm", "Depth", "Temperature", "Wavenumber")),
    table(MIR_NM, columns={"Wavelength (nm)": "R1|R2|R3"}),
    # options
    two_columns("wl", "abs", MIR_NM).with_options(unit="nm"),
    two_columns(None, axis=MIR_UM).with_options(unit="um"),
    table(VISNIR_NM).with_options(unit="nm"),
    table(axis(2500, 1000, -50)).with_options(unit="cm-1"),
    *may_ask(ERROR, table(VISNIR_NM, US_TAB, {"Wavelength": "R1|R2|R3"}).with_options(unit="nm")),
    # comments and titles
    two_columns(None, axis=MIR_NM, head="# wavelength (nm), absorbance\n"),
    two_columns(None, axis=MIR_UM, head="# rock 7\n# x: microns\n# y: log 1/R\n"),
    two_columns("x", "y", NIR_NM, head="# x in nm\n"),
    two_columns("wl (nm)", "A", MIR_NM, head="# sensor: 4 um pixels\n"),
    two_columns("wavelength_nm", "abs", MIR_NM, head="# resolution: 4 cm-1\n"),
    table(MIR_NM, head="# channels are wavelengths in nm\n"),
    table(VISNIR_NM, head="Spectra by wavelength (nm)\n"),
    two_columns("Wavenumber", head="Agilent MicroLab\n"),
    two_columns("Wavenumber", "Intensity", head="Sample 12 DRIFT 64 scans\n"),
    two_columns("cm-1", "A", head='"rock 7 Created as New Dataset"\n'),
    two_columns("cm-1", "A", head="Institute of Soils\nDRIFT\n\n"),
    two_columns(head="Wavelength (nm)\n"),
    table(head="Drill core 2024\n").notes("Drill core 2024"),
    *(two_columns("Wavenumber", head=f"# {comment}\n") for comment in HARMLESS_COMMENTS),
    *(case for before in SILENT_COMMENTS for case in (two_columns(None, head=before), table(head=before))),
    *(
        case
        for question, comments in ASKING_COMMENTS.items()
        for before in comments
        for case in ask(question, two_columns(None, head=before), table(head=before))
    ),
    *(
        case
        for before in (*NM_COMMENTS, "Wavelengths in nm, laser 633 nm\n")
        for case in (two_columns(None, axis=MIR_NM.reversed, head=before), table(MIR_NM.reversed, head=before))
    ),
    *ask("unit", *(two_columns("x", "A", VISNIR_NM, head=f"# {comment}\n") for comment in SETTINGS)),
    *may_ask("unit", two_columns("x", "A", VISNIR_NM, head="# range: 350-2500 nm\n")),
    *may_ask("unit", *(two_columns("X", head=f"# {comment}\n") for comment in MISLEADING_TITLES)),
    *may_ask("unit", *(table(head=f"# {comment}\n") for comment in MISLEADING_TITLES)),
    *may_ask(
        ERROR,
        two_columns("X", "Y", head="Laser wavelength (nm),632.8\n"),
        two_columns("cm-1", "A", head="Sample 12, DRIFT 64 scans\n"),
        # units in a separate line, as in Origin
        two_columns("cm-1", "a.u.", head="Wavenumber,Absorbance\n"),
        two_columns("nm", "a.u.", MIR_NM, head="Wavelength,Absorbance\n"),
        two_columns("um", "log(1/R)", MIR_UM, head="x,y\n"),
    ),
    # names of channels
    *(table(MIR_NM, channel=style) for style in ("{}nm", "nm{}", "wl_nm{}")),
    *(table(VISNIR_NM, channel=style) for style in ("{} nm", "nm_{}", "wl{}", "wl_{}", "wl.{}", "lambda_{}")),
    table(VISNIR_NM, channel="Wavelength{}"),
    *(table(MIR_UM, channel=style) for style in ("{} um", "um{}")),
    *(
        table(channel=style)
        for style in ("{} cm-1", "X{}", "spc.{}", "m{} cm-1", "{} cm\u207b\u00b9", "X{}.cm.1", "spc.X{}")
    ),
    *(table(channel=word + "{}").notes(f"begin with {word!r}") for word in PREFIXES),
    *(table(MIR, GERMAN, channel=word + "{}") for word in ("m", "abs")),
    table(columns={"PIDN": "R1|R2|R3", "BSAN": "0.1|0.2|0.3", "Depth": "Topsoil|Topsoil|Topsoil"}, channel="m{}"),
    table(MIR_WHOLE.reversed, columns={"id.layer_uuid_txt": "R1|R2|R3"}, channel="scan_mir.{}_abs"),
    table(MIR_WHOLE, channel=lambda name: f"{float(name):.4E}"),
    *may_ask(ERROR, table(channel="{} (cm-1)")),
    *ask(ERROR, table(channel=lambda name: f"{name} {'nm' if name < '2' else 'cm-1'}")),
    *ask(ERROR, table(channel=lambda name: f"{'sd' if name < '2' else 'm'}{name}")),
    *ask(NO_ID, table(channel=lambda name: "x" + name.replace(".", "_"))),
    # numbers of channels instead of an axis
    *ask(
        "channels",
        table(axis(1, 60, 1, decimals=0)),
        *(table(axis(1, 40, 1, decimals=0), channel=word + "{}") for word in ("r", "V", "X", "c", "PC")),
        two_columns("n", "A", axis(1, 400, 1, decimals=0)),
        table(SATELLITE, channel=lambda number: f"B{int(number):02}").with_options(unit="cm-1"),
    ),
    *ask(ERROR, table(axis(2, 41, 1, decimals=0), channel="V{}")),
    # lists of peaks
    *ask("peaks", two_columns(axis=PEAKS), table(PEAKS)),
    two_columns(axis=PEAKS).with_options(unit="cm-1").notes("vary widely, as in a list of peaks"),
    two_columns(axis=NIR_AND_MIR),
    *ask(
        "layout",
        line_of_wavelengths(),
        # spectra in columns
        transpose(NUMBERS, "X [1/cm]"),
        transpose("P1|P2|P3", "Wellenzahl", OPUS, GERMAN),
        transpose("101|102|103", "cm-1", MIR, GERMAN_TAB),
        transpose(NUMBERS, "wavelength_nm", MIR_NM),
        transpose("a.asd|b.asd", "Wavelength", MIR_NM, US_TAB),
        transpose(NUMBERS, "wn", MIR.reversed),
        transpose("4100|4101|4102|4103|4104|4105|4106|4107", "cm-1", NIR),
        transpose("S1|S2|S3|S4|S5|S6|S7|S8", ""),
        transpose("|".join(f"S{4 * number**2}" for number in range(2, 12)), "").with_options(unit="cm-1"),
    ),
    *ask(("layout", "unit", "channels"), transpose(NUMBERS, "")),
    *ask(("layout", "quantity"), transpose("E1|E2", "Emissivity (cm-1)")),
]

QUANTITIES = [
    *(two_columns("cm-1", word) for word in [*ABSORBANCE_WORDS, *NEUTRAL_WORDS]),
    *ask("quantity", *(two_columns("cm-1", word) for word in REJECTED_WORDS)),
    # dark rocks in the near infrared: only the word decides
    *ask(
        "quantity",
        *(
            two_columns("wavelength_nm", word, NIR_NM, quantity=scale, decimals=6, offset=1.3)
            for scale, words in REFLECTANCE_WORDS.items()
            for word in words
        ),
    ),
    *may_ask("quantity", *(two_columns("cm-1", word) for word in UNSURE_WORDS)),
    *(
        two_columns("cm-1", word, quantity=scale, decimals=6).with_options(convert=scale)
        for word, scale in (("Reflectance", "fraction"), ("%T", "percent"), ("Intensity", "fraction"), ("R", "percent"))
    ),
    table(quantity="percent").with_options(convert="percent"),
    table(offset=0.8),
    two_columns(offset=-0.21),
    two_columns(None, head="# cm-1, absorbance\n"),
    two_columns("cm-1", head="# calculated from reflectance (%)\n"),
    table(MIR_UM, head="# Wavelength (um), log(1/R)\n"),
    *ask(
        "quantity",
        two_columns("Wavelength (nm)", "Absorption coefficient (cm-1)", MIR_NM),
        # without words: only the values decide
        two_columns(None, quantity="fraction"),
        two_columns("cm-1", "Intensity", quantity="fraction"),
        two_columns(None, quantity="percent"),
        table(quantity="fraction"),
        table(form=GERMAN, quantity="percent"),
        table(VISNIR_NM, quantity="percent", channel="wl_{}", offset=1.05),
        # comments, titles, corners and names of channels
        two_columns(None, quantity="fraction", head="# reflectance\n"),
        two_columns("cm-1", "value", head="# emissivity of rocks\n"),
        two_columns(None, head="# Y: Kubelka-Munk units\n"),
        two_columns("cm-1", "%T", head="# absorbance\n", quantity="percent"),
        two_columns("cm-1", "%T", head="rock 7\n", quantity="percent"),
        two_columns("cm-1", "%T", form=WINDOWS, head="r7,,\nNew,,\n", quantity="percent"),
        table(head="Reflectance spectra\n", quantity="fraction"),
        table(head="# transmittance\n", quantity="fraction"),
        table(head="# single beam\n"),
        table(quantity="fraction", columns={"Reflectance": "R1|R2|R3"}),
        table(quantity="fraction", channel="R_{}"),
        table(quantity="percent", channel="T{}"),
        table(channel="d1_{}"),
        table(quantity="fraction", channel="{}_transmittance"),
        table(channel="scan_mir.{}_ref"),
        *(table(index=name) for name in ("Reflectance", "T (%)", "Kubelka-Munk")),
    ),
    *may_ask(
        "quantity",
        two_columns("cm-1", "Intensity", head="Diffuse reflectance, %\n", offset=0.2),
        two_columns("cm-1", "Intensity", head="KM Mining Ltd\n"),
    ),
    *ask(("quantity", ERROR), two_columns("cm-1", "%", head="Wavenumber,Transmittance\n", quantity="percent")),
]
