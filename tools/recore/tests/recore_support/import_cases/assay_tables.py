"""Cases of assay tables: headers, units, marks and codes in cells, signs and units in other columns, joins by name."""

import re
import unicodedata
from dataclasses import replace

import numpy as np

from recore_support.import_cases.building import (
    FORMATS,
    GERMAN,
    GERMAN_TAB,
    GROUPINGS,
    GZIPPED,
    ID_VALUES,
    IDS,
    MIR,
    QUOTED,
    SEMICOLON,
    US,
    US_TAB,
    WINDOWS,
    TextFormat,
    assays,
    mass_fraction,
    multiply,
    split_entries,
    split_list,
    table,
)
from recore_support.import_cases.case import ERROR, NO_ID, Case, Values, ask, may_ask
from recore_support.schema import TARGETS

# "Al2O3=Al2O3_pct": compound, of which the first element is the target, and header; by the unit's size in ppm
HEADERS = {
    1: split_list("""
        Cu=CuPPM|Cu=Cu_ppm|Cu=CU PPM|Cu= Cu_ppm |Cu=cu_ppm|Cu=CU_MG_KG|Cu=Cu (ppm, ICP-MS)|Cu=Cu GE_ICP40Q12 ppm
        Cu=Cu-4A/OE ppm|Cu=Cu_4AD_ICPMS_ppm|Cu=Cu total ppm|Cu=Cu_tot_ppm|Cu=Cu ICP ppm|Cu=Cu_ppm_ICPMS
        Cu=ME-MS61 Cu ppm|Cu=Cu_ME-ICP61_ppm|Zn=Zn (ppm)|Zn=ppm Zn|Zn=Zn, ppm|Zn=Zn in mg/kg|Zn=Zn mg kg-1
        Zn=Zn (mg kg\u207b\u00b9)|Zn=Zn..mg.kg.|Zn=Zn_mgkg|Zn=Zn [\u00b5g/g]|Zn=Zn GE_ICM40Q12 ppm|Zn=Zn AQ201 ppm
        Pb=Pb [mg/kg]|As=As_mg_kg|Ni=Ni mg/kg|Co=Co..ppm.|Ag=Ag.ppm|Ag=Ag (g/t)|Au=Au_gpt|Au=Au_g_t|Au=Au-ICP22 ppm
        Au=Au_FA_AAS_ppm|Au=Au FA (g/t)|Au=Au-AA23 Au ppm|In=IN_PPM|Mg=MG_PPM|Zr=Zr LF200 ppm|Zr=Zr XRF (ppm)|Li=Li_ppm
        Mo=Mo ICP40B PPM|W=W_ppm_4A/MS|P=P_total (mg/kg)|P=P_ppm|Fe=FePPM|V=V (ppm)|U=U_ppm|Th=Th ppm|Rb2O=Rb2O (ppm)
        Cu=Cuivre (ppm)|Pb=Blei [mg/kg]|Sn=\u00c9tain total ppm|As=Arsenico_ppm|Au=Oro (g/t)|Mo=Molybd\u00e4n ppm
        Nb2O5=Nb2O5_ppm|Ta2O5=Ta2O5 ppm|U3O8=U3O8_ppm|WO3=WO3 (ppm)|Cu=CuT_ppm|Zn=TZn (ppm)|Mo=Mo_T ppm|Pb=PB_T_PPM
    """),
    1e-3: split_list("""
        Au=Au_ppb|Au=Au (ppb)|Au=Au ug/kg|Au=Au (\u00b5g/kg)|Au=Au (mg/t)|Au=Au GE_FAA30V5 (ppb)|Te=Te_ppb
    """),
    1e4: split_list("""
        Cu=CuPCT|Cu=Cu (%)|Cu=Cu_pct|Cu=Cu%|Cu=Cu [wt%]|Cu=Cu_tot_pct|Cu=%Cu|Zn=Zn wt.%|Zn=pct Zn|Fe=Fe_pct|Fe=FE (%)
        S=S_total_pct|Al2O3=Al2O3 (%)|Al2O3=Al\u2082O\u2083 (%)|Al2O3=AL2O3_PCT|Fe2O3=Fe2O3(T) [wt%]|FeO=FeO_tot_pct
        Cu=Kupfer (%)|Fe=Eisen gesamt (%)|Fe=Hierro %|Fe=Fer (%)
        NiO=NIO_PCT|Na2O=na2o_pct|MgO=MgO_%|CaCO3=CaCO3 (%)|NaCl=NaCl (%)
    """),
    1e3: split_list("S=S (g/kg)|K=K_g_kg|TiO2=TiO2 (g/kg)"),
}
UNUSUAL_HEADERS = {  # clear, but a question is allowed; 324.754 is an emission line of ICP-OES
    1: ["Cu=Cu 324.754 (ppm)"],
    1e3: ["Cu=Cu (mg/g)"],
    1e4: split_list("""
        Fe2O3=TFe2O3 (%)|Fe2O3=Fe2O3* (%)|Fe2O3=Total iron as Fe2O3 (%)|Cu=Cu (Gew.-%)|Cu=Copper (%)
        Cu=Cu grade (%)|Cu=Cu % m/m|S=S (tot) %|P=Ptot (%)
    """),
}
# for --column; converted or rejected
OPTION_HEADERS = split_list("""
    CaCO3=CaCO3 (%)|BaSO4=BaSO4_pct|MoS2=MoS2_pct|NaCl=NaCl_pct|FeS2=FeS2 %|PbSO4=PbSO4_pct|ZrSiO4=ZrSiO4_pct
    FeO=FeOT (%)|FeTiO3=FeTiO3_pct|SO4=SO4_pct|SBaO4=BaSO4_pct|CaSO6H4=CaSO4.2H2O (%)|AlO3H3=Al(OH)3 (%)|Cu=Zn_pct
""")
IGNORED_HEADERS = split_list("""
    SiO2 (%)|LOI_pct|pH|Hg_ppm|C_pct|TOC (%)|Recovery (%)|Weight (kg)|Moisture (%)|Density (g/cm3)|CEC (cmol/kg)
    CuEq (%)|AuEq_gpt|Cu+Zn (ppm)|K/Al|Zn_err_ppm|Zn Error (ppm)|Zn_sd_ppm|SO4_pct|CO3 (%)|PO4 (mg/kg)|Rock type
    In situ|Total (%)|Lab|No|As received (kg)|pH_CaCl2|pH (CaCl2)|EC (mS/cm)|Clay_pct|Sand (%)|Silt (%)|N (%)|C/N
    Corg (%)|U235_ppm|206Pb (ppm)|Cr6+ (ppm)|Sr87 (ppm)|Th232_ppm|Mn2+ (mg/kg)|Zn64 (ppm)|As5+ (ppm)|Fe3+ (%)|Hg+2 (ppm)
    87Sr/86Sr|Cr_VI_ppm|As(V) (ppm)|Au (ppb*10)|sn_gm3|Sn (10-9)|Zn (100 ppm)|TS (%)|TN (%)|TCR (%)|WT (%)
""")
UNCERTAIN_HEADERS = split_list("""
    P Olsen (mg/kg)|K exchangeable (mg/kg)|CuCN_ppm|Mg#|log Cu (ppm)|lnZn_ppm|1/Zn (ppm)|Zn ppm LOD|Zn ppm 3 sigma
    Zn x10 ppm|NO3-N (mg/kg)|PO4-P (mg/kg)|Al saturation (%)|Mg_kg|Au (oz)|eU3O8_ppm|Na2O eq (%)|As(III) (mg/kg)
    As V (mg/kg)|Sr87/Sr86|Zn TCLP (mg/l)|Zn concentrate (%)|Zn wet basis (%)|Al2O3/SiO2 (%)|La+Ce (ppm)|Zn_ppm_dup
    Zn ppm max|SN|W|Cu acid soluble (%)|Zn_EDTA_ppm|Al_ox (mg/kg)|Fe_d (g/kg)|Ca exch (mg/kg)|Ca (cmol/kg)
    CaCO3 eq (%)|Fe++ (%)|Fe(II) (%)|Fe2+ (%)|Cr(VI) (mg/kg)|Pb206_ppm|206Pb (ppm)|U238 (ppm)|K40 (Bq/kg)
    Cs137 (Bq/kg)|TiO2 calc (%)|Au (g/t) cut|Zn recoverable (%)|Cu_ppm.1|S/Fe ratio (%)|delta34S (permil)|Zn (ppt)
    Mn (mol%)|Ti (at.%)|Sr (ppmv)|Ba_meq|S sulphide (%)|Cu_ppm_est|Mg# (%)|Ca/Mg (%)|K2O+Na2O (%)
    Blei l\u00f6slich (ppm)|Oxyde de fer (%)
""")
# compounds of two targets: a question, or ignored like minerals
MINERALS = split_list("""
    BaSO4 (%)|MoS2_pct|ZnS (%)|FeS2 %|CuFeS2_pct|CaMg(CO3)2 (%)|PbS_pct|CaSO4 (%)|KAlSi3O8 (%)|Fe3Al2(SiO4)3_pct
""")
OUNCES = split_list("Au_opt|Ag_OPT|Au (oz/t)|Ag oz/ton|AU OPT|Au_oz|Au..oz.t.|Au_ozt")
UNITLESS = [  # headers of one table, between bars
    "SiO2|Al2O3|Fe2O3|MgO|CaO|Na2O|K2O|TiO2|P2O5|MnO|LOI",
    *("Cr2O3", "MnO|Al2O3|Ni|Cu|S", "Cu|Zn|Pb", "Cu XRF|Zn XRF", "Cu_ppm|TiO2", "FE2O3|AL2O3|CAO", "cu|zn"),
    *("Fe2O3T|TiO2", "Fe2O3....|Al2O3...."),  # names in R, without the per cent sign
]
TARGET_TWICE = [
    *("Cu_ppm|Cu_pct", "Cu ICP ppm|Cu XRF ppm", "Au_ppb|Au (g/t)", "Al_ppm|Al2O3 (%)", "FeO (%)|Fe2O3 (%)"),
    *("Cu_ME-ICP61_ppm|Cu-OG62 Cu %", "CuPPM|Cu (%)", "CuT (%)|CuO (%)", "TZn (ppm)|ZnO (%)", "MoO3 (%)|Mo_T (ppm)"),
    *(
        "PbO (%)|Pb_ppm",
        "CUO_PCT|CUT_PCT",
        "P2O5 (%)|Ptot (mg/kg)",
        "SO3 (%)|TS (%)",
        "CUO_PCT|CU_T",
        "CuO_ppm|CuS_ppm",
    ),
]
SAMPLE_NAMES = split_list("""
    SampleID,HoleID,From,To|SAMPLEID,HOLEID,FROM,TO|Sample No,BHID,From (m),To (m)|SampID,holeid,mFrom,mTo
    Sample_ID,Hole_ID,depth_from,depth_to|sample id,hole,from,to|Sample Number,Hole ID,Depth From,Depth To
    sample,DHID,from_m,to_m|Sample,DrillHole,DEPTH_FROM,DEPTH_TO|sample_number,drillhole,top_depth,bottom_depth
    Lab Sample ID,Borehole,Depth from (m),Depth to (m)|ID,Hole ID,From,To|Probennummer,DHID,from_m,to_m
    Probe,Bohrung,Tiefe von (m),Tiefe bis (m)|sample,site,depth_min,depth_max|Sample Name,Hole_ID,mFrom,mTo
    Probe,Bohrung,von,bis|Probennummer,Bohrloch,Von (m),Bis (m)|Muestra,Sondaje,Desde,Hasta
    Muestra ID,Sondeo,Profundidad desde (m),Profundidad hasta (m)
    \u00c9chantillon,Sondage,Profondeur de (m),Profondeur \u00e0 (m)
""")
CERTIFICATE = (
    'VA24012345 - Finalized\nCLIENT : "ABC - Company"\n# of SAMPLES : 3\nDATE RECEIVED : 2024-01-10\n'
    'PROJECT : "Alpha"\nCERTIFICATE COMMENTS : "ME-MS61:REE may not be totally soluble."\n'
)
CELLS, NUMBERS, MIXED = "12.5|230|3.25", "5|10000|7", "ppm|%|g/t"
CU, PLAIN_CU = {"CuPPM": [12.5, 230, 3.25]}, {"CuPPM": [5, 10000, 7]}
UPPER_CASE = {
    **{"CU_PPM": CELLS, "CO_PPM": "5|6|7", "FE2O3_PCT": "10|11|12", "NA2O_PCT": "1|2|3", "SIO2_PCT": "50|51|52"},
    "CO2_PCT": "0.5|0.6|0.7",
}
UPPER_VALUES = {
    **{"CuPPM": [12.5, 230, 3.25], "CoPPM": [5, 6, 7], "FePCT": multiply(mass_fraction("Fe", "Fe2O3"), 10, 11, 12)},
    "NaPPM": multiply(1e4 * mass_fraction("Na", "Na2O"), 1, 2, 3),
}
# oxides in per cent of a sample, as Excel stores cells in its per cent format
FRACTIONS = {
    f"{oxide} (%)": f"{content}|{1.1 * content:.4f}|{0.9 * content:.4f}"
    for oxide, content in {"Al2O3": 0.15, "Fe2O3": 0.061, "CaO": 0.048, "MgO": 0.031, "K2O": 0.021}.items()
}
WHOLE_TABLE = {
    **{"Sample type": "core|core|chip", "Au (g/t)": "0.02|<0.01|1.5", "Cu (%)": "0.35|1.2|0.08", "S_%": "1|0.5|2.25"},
    **{"Fe2O3 (%)": "12|5.5|7", "SiO2 (%)": "50|60|55", "Te_ppb": "30|60|", "Mo_ppm": "3|NA|12", "LOI (%)": "2|3|4"},
}
WHOLE_VALUES = {
    **{"AuPPM": [0.02, 0.005, 1.5], "CuPPM": [3500, 12000, 800], "SPPM": [10000, 5000, 22500]},
    **{"FePCT": multiply(mass_fraction("Fe", "Fe2O3"), 12, 5.5, 7), "TePPB": [30, 60, None], "MoPPM": [3, None, 12]},
}


def header_case(entry: str, size: float, cells: str, other: str = "Ba") -> Case:
    compound, _, header = entry.partition("=")
    element = re.match("[A-Z][a-z]?", compound).group()
    target = next(target for target in TARGETS if target[:-3] == element)
    factor = size * mass_fraction(element, compound) * {"PPM": 1, "PCT": 1e-4, "PPB": 1e3}[target[-3:]]
    values = {f"{other}PPM": [100, 200, 300], target: multiply(factor, *map(float, cells.split("|")))}
    return replace(assays({f"{other}PPM": "100|200|300", header: cells}, **values), header=header)


def headers(entries: dict[float, list[str]]) -> list[Case]:
    cells = {1: "12.5|230|3.25", 1e-3: "12.5|230|3.25"}
    return [header_case(entry, size, cells.get(size, "1.25|23|0.4")) for size in entries for entry in entries[size]]


def unitless(names: str) -> Case:
    return assays(dict.fromkeys(names.split("|"), "1.5|2|4"))


def option_case(entry: str) -> Case:
    case = header_case(entry, 1e4, "1.5|2|4", "Rb")
    (target,) = case.right.assays.keys() - ID_VALUES.keys() - {"RbPPM"}
    return case.with_options(columns=(f"{target}={case.header}",))


def name_case(names: str, **id_values: list[float | str | None]) -> Case:
    ids = dict(zip(names.split(","), IDS.values(), strict=True))
    return assays({"Zn_ppm": CELLS}, ids=ids, id_values={**ID_VALUES, **id_values}, ZnPPM=[12.5, 230, 3.25])


def cell(entry: str, value: float | None = None) -> Case:
    return assays({"Cu_ppm": f"{entry}|7.5|8"}, CuPPM=[value, 7.5, 8])


HEADER_CASES = [
    *headers(HEADERS),
    *may_ask(ERROR, *headers(UNUSUAL_HEADERS)),
    *(assays({"Cu (ppm)": CELLS, header: "1.5|2.5|3"}, **CU) for header in IGNORED_HEADERS),
    *may_ask(ERROR, *(assays({"Cu (ppm)": CELLS, header: "1.5|2.5|3"}, **CU) for header in UNCERTAIN_HEADERS)),
    *(name_case(names) for names in SAMPLE_NAMES),
    *may_ask(ERROR, name_case("Echantillon,Sondage,De,A")),
    name_case("SampleID,HoleID,from_ft,to_ft", DepthFrom=multiply(0.3048, 0, 1, 5), DepthTo=multiply(0.3048, 1, 2, 6)),
    name_case("sample,hole,from_cm,to", DepthFrom=[0, 0.01, 0.05], DepthTo=[0.01, 0.02, 0.06]),
    name_case("sample,hole,From (cm),To (cm)", DepthFrom=[0, 0.01, 0.05], DepthTo=[0.01, 0.02, 0.06]),
    *(assays(WHOLE_TABLE, form, **WHOLE_VALUES) for form in (WINDOWS, GZIPPED, QUOTED, FORMATS[-2])),
    assays({name: cells.replace(".", ",") for name, cells in WHOLE_TABLE.items()}, GERMAN, **WHOLE_VALUES),
    assays(UPPER_CASE, **UPPER_VALUES),
    assays({name.lower(): cells for name, cells in UPPER_CASE.items()}, **UPPER_VALUES),
    *(assays({"Cu_ppm": CELLS}, head=title, **CU) for title in ("Report 2024-17\n", "# four acids\n")),
    # units and methods in separate rows
    assays(
        {"Cu": CELLS, "Au": "20|30|40", "Al2O3": "10|11|12"},
        units="||||ppm|ppb|%",
        **{**CU, "AuPPM": [0.02, 0.03, 0.04], "AlPPM": multiply(1e4 * mass_fraction("Al", "Al2O3"), 10, 11, 12)},
    ),
    assays({"Cu": CELLS, "Fe": "2|3|4"}, units="||m|m|mg/kg|pct", FePCT=[2, 3, 4], **CU),
    assays({"Cu": "12,5|230|3,25", "Fe": "2|3|4"}, GERMAN, units="||||(ppm)|(%)", FePCT=[2, 3, 4], **CU),
    assays({"Cu": CELLS, "S": "2|3|4"}, US_TAB, units="Unit||||ME-ICP61 ppm|%", SPPM=[2e4, 3e4, 4e4], **CU),
    *(
        assays(
            {"Cu": CELLS, "Al": "8|7|6"},
            ids=dict(zip(("SAMPLE", "HoleID", "From", "To"), IDS.values(), strict=True)),
            head=CERTIFICATE + methods,
            units="DESCRIPTION||||ppm|%",
            **{**CU, "AlPPM": [8e4, 7e4, 6e4]},
        )
        for methods in ("", ",,,,ME-MS61,ME-MS61\n")
    ),
    *may_ask(
        ERROR,
        assays(
            {"Cu": CELLS, "Au": "1|2|3"},
            head=",,,,ME-MS61,Au-AA25\n",
            units="||||ppm|ppb",
            **{**CU, "AuPPM": [0.001, 0.002, 0.003]},
        ),
        assays({"Cu_ppm": CELLS, "Au": "1|2|3"}, units="||||%|ppm", AuPPM=[1, 2, 3]),
        assays({"Cu\n(ppm)": CELLS}, WINDOWS, **CU),
        assays({"Cu_x ppm": "1.5|2|4"}, US_TAB),
    ),
    # coordinates are not yttrium
    *may_ask(
        ("content-unit", "target"),
        assays({"X": "400100|400200|400300", "Y": "741210|741220|741230", "Cu_ppm": CELLS}, **CU),
        *(assays({header: "1.5|2|4", "Cu_ppm": CELLS}, **CU) for header in MINERALS),
    ),
    *ask("content-unit", *(unitless(names) for names in UNITLESS), assays({"Cu": "12 ppm|0.2 %|7 ppm"})),
    *ask(
        "content-unit",
        assays({"Al2O3": "8,5|9|7", "CaO": "1,5|2|3"}, GERMAN),
        unitless("Al2O3|TiO2").with_options(columns=("AlPPM=Al2O3",)),
    ),
    assays(
        {"Al2O3": "1.5|2|4", "Cu": "1.5|2|4", "Zn_ppm": "1.5|2|4"},
        **{
            "AlPPM": multiply(1e4 * mass_fraction("Al", "Al2O3"), 1.5, 2, 4),
            "CuPPM": [15000, 20000, 40000],
            "ZnPPM": [1.5, 2, 4],
        },
    ).with_options(content_unit="pct"),
    *ask(
        ("content-unit", "target", NO_ID),
        *(unitless(header) for header in OUNCES),
        assays({"Cu": CELLS, "Au": CELLS}, units="||||ppm|opt"),
        *(
            unitless(header).with_options(columns=(f"AuPPM={header}",))
            for header in ("Au_opt", "gold opt", "Au (oz/t)", "AuOPT")
        ),
    ),
    *ask("target", *(unitless(names) for names in TARGET_TWICE)),
    assays({"Cu ICP ppm": "1|2|3", "Cu XRF ppm": "2|3|4"}, CuPPM=[2, 3, 4]).with_options(columns=("CuPPM=Cu XRF ppm",)),
    *may_ask(ERROR, *map(option_case, OPTION_HEADERS)),
    *(
        assays({header: "1.5|2|4"}, **{target: multiply(factor, 1.5, 2, 4)}).with_options(
            columns=(f"{target}={option}",)
        )
        for option, header, target, factor in (
            ("Cu_pct", "Cu_pct", "CuPPM", 1e4),
            ("Kupfer:pct", "Kupfer", "CuPPM", 1e4),
            ("Cu_tot", "Cu_tot", "CuPPM", 1),
            ("Al_x:g/kg", "Al_x", "AlPPM", 1e3),
        )
    ),
    assays(
        FRACTIONS,
        **{
            target: multiply(
                size * mass_fraction(oxide[:2].strip("2O"), oxide), *map(float, FRACTIONS[f"{oxide} (%)"].split("|"))
            )
            for target, oxide, size in (
                *(("AlPPM", "Al2O3", 1e4), ("FePCT", "Fe2O3", 1), ("CaPPM", "CaO", 1e4), ("MgPPM", "MgO", 1e4)),
                ("KPPM", "K2O", 1e4),
            )
        },
    ).notes('if so, --column "AlPPM=Al2O3 (%):fraction" converts the first column'),
    assays({"Al (%)": "81|79|75"}, AlPPM=[810000, 790000, 750000]).notes('--column "AlPPM=Al (%):g/kg" converts them'),
    *ask(ERROR, *(cell(code) for code in ("1.70141E+38", "1e30", "-1e32", "2000000"))),
    *ask(ERROR, unitless("Au (ppb*10)").with_options(columns=("AuPPM=Au (ppb*10)",))),
    *ask(ERROR, unitless("Al2O3 (%)").with_options(columns=("FePCT=Al2O3 (%)",))),
    *ask(ERROR, *(unitless(names) for names in ("CuPMP", "ZnPPM|CuPMM", "CuPPM|cuppm"))),
]

POINTS, COMMAS = "1.234|2.345|3.456", "1,234|2,345|3,456"


SMALL, POINTED = {"CuPPM": [1.234, 2.345, 3.456]}, table(index="12.1|12.2|13.1")


def thousands(form: TextFormat, decimals: int) -> Case:
    zinc = "|".join(form.format(x, decimals) for x in (1234, 10200, 23456))
    columns = {"ZnPPM": zinc, "Ag_ppm": form.format(0.5, 1) + "|1|2"}
    return assays(columns, form, ZnPPM=[1234, 10200, 23456], AgPPM=[0.5, 1, 2])


def grades(form: TextFormat, decimal: str = ".", **columns: str) -> Case:
    """Return columns in the units of the schema, with the other mark grouping thousands."""
    values = {}
    for target, cells in columns.items():
        numbers = [cell.replace(",.".replace(decimal, ""), "").replace(decimal, ".") for cell in cells.split("|")]
        values[target] = [float(number[1:]) / 2 if number.startswith("<") else float(number) for number in numbers]
    return assays(columns, form, **values)


MARK_CASES = [
    *(thousands(form, decimals) for form in GROUPINGS for decimals in (0, 1)),
    grades(SEMICOLON, ".", CuPPM=POINTS).with_options(decimal="point"),
    grades(SEMICOLON, ",", CuPPM=POINTS).with_options(decimal="comma"),
    *may_ask("decimal", grades(US, ZnPPM=COMMAS)),
    grades(US, ZnPPM=COMMAS, AgPPM="0.5|1.5|2"),
    # another cell decides
    grades(US, CuPPM=POINTS),
    grades(US_TAB, CuPPM="1.234|0.345|3.456"),
    grades(SEMICOLON, CuPPM="1996.000|1.345|3.456"),
    grades(US_TAB, CuPPM=POINTS, FePCT="1.5|2.25|3"),
    grades(SEMICOLON, CuPPM=POINTS, FePCT="0.452|0.111|0.987"),
    grades(GERMAN, ",", CuPPM=COMMAS, FePCT="1,5|2,25|3"),
    grades(GERMAN_TAB, ",", CuPPM="0,234|2,345|3,456"),
    grades(US, AlPPM="81,500.5|75,000|102,345", CaPPM="1,500|12,000|7"),
    *may_ask(
        "decimal",
        grades(GERMAN, ",", CuPPM="1.234|10.200|3.456", AgPPM="0,5|0,6|0,7"),
        grades(GERMAN, ",", CuPPM="1.234|10.200|3.456", AgPPM="<0,5|6|7"),
        grades(US_TAB, ZnPPM="1,200|23,000|3,202", AgPPM="0.5|1.25|7"),
        grades(US_TAB, ZnPPM="1,200|950|12", AgPPM="0.5|1.5|2"),
    ),
    # marks that contradict each other
    *ask(
        ("decimal", NO_ID),
        assays({"ZnPPM": "12,5|7,25|8", "AgPPM": "0.5|1.5|2"}, US_TAB),
        assays({"ZnPPM": "1,200.5|7|8", "AgPPM": "0,5|1,5|2"}, SEMICOLON),
        assays({"ZnPPM": "1,23,456|2,34,567|8", "AgPPM": "0.5|1.5|2"}),
        assays({"ZnPPM": "0,200|7|8", "AgPPM": "0.5|1.5|2"}, US_TAB),
    ),
    # text and numbers in other columns are ignored
    assays({"Date": "01.03.2024|01.03.2024|01.03.2024", "CuPPM": "12,5|7,25|8"}, GERMAN, CuPPM=[12.5, 7.25, 8]),
    assays({"certificate": "24.001|24.002|24.003", "CuPPM": "12,5|7,25|8"}, GERMAN, CuPPM=[12.5, 7.25, 8]),
    *may_ask(
        "decimal",
        assays({"note": "1,5 m lost||2,25", "Cu_ppm": "12.5|7.25|8"}, US_TAB, CuPPM=[12.5, 7.25, 8]),
        assays({"CuPPM": COMMAS}, GERMAN, {**IDS, "sample": "12.1|12.2|13.1"}, spectra=POINTED, **SMALL),
        assays({"CuPPM": COMMAS, "software": "8.7|8.7|8.7"}, GERMAN_TAB, **SMALL),
    ),
    # signs and digits that are not ASCII, and line breaks in cells
    *(
        cell(entry, value)
        for entry, value in (
            *(("\uff11\uff12\uff0e\uff15", 12.5), ("1\u00a0234.5", 1234.5), ("\u00a012.5\u200b", 12.5)),
            *(("\uff1c\uff15", 2.5), ("\u22645", 2.5), ("<= 5", 2.5), ("12.5e\u22121", 1.25), ("1.2E+3", 1200)),
            *(("\u2013", None), ("\u2014", None), ("\u2212", None), ("", None), ("NA", None), ("NaN", None)),
        )
    ),
    *ask(
        ERROR, *map(cell, split_list("\u22655|>=5|\u22125|\u20135|10\u00b2|1\u20132|\u00bd|\u0665|>10000|-999|-0.005"))
    ),
    *ask(ERROR, *map(cell, split_list("05. Mai|5-May|~5|5*|0.5-1|5000+|5 ppm?|1e400|inf|0x10|1_000|\u2160|see note"))),
    *may_ask(ERROR, *map(cell, split_list("-|n.d.|ND|BDL|IS|NSS|#N/A|#NV|#DIV/0!|<LOD|null|nan|None|*"))),
    assays({"Cu_ppm": "5|7.5|8", "Level": "\u22121|2|3"}, CuPPM=[5, 7.5, 8]),
    assays(
        {"Cu\n(ppm)": "5|7|8", "Note\n\nof day": 'a\nb|1" core|', "Zn\npct": "0.5|1|2"},
        **{"CuPPM": [5, 7, 8], "ZnPPM": [5000, 10000, 20000]},
    ),
    assays({"Cu\n(%)": "0,5|7|8"}, GROUPINGS[2], CuPPM=[5000, 70000, 80000]),
    assays({"Au_ppb": "<5|< 10|12", "Ag_ppm": "<0.01|0.5|0.7"}, AuPPM=[0.0025, 0.005, 0.012], AgPPM=[0.005, 0.5, 0.7]),
    assays({"AuPPM": "<0,01|<=0,5|12"}, GERMAN, AuPPM=[0.005, 0.25, 12]),
    assays({"CuPPM": "1,2E+3|7,5E-1|8"}, GERMAN, CuPPM=[1200, 0.75, 8]),
    *may_ask(ERROR, assays({"Cu (%)": "3.1%|0.5%|1%"}, CuPPM=[31000, 5000, 10000])),
    *may_ask(ERROR, assays({"Cu_ppm": "3 ppm|5 ppm|1 ppm"}, CuPPM=[3, 5, 1])),
    *ask(ERROR, assays({"Cu_ppm": "3 %|5 %|1 %"})),
]


def unit_cells(title: str, cells: str, names: str = "Cu") -> Case:
    factors = {"ppm": 1, "g/t": 1, "%": 1e4, "wt%": 1e4, "PPB": 1e-3}
    shares = {"Cu": ("CuPPM", 1), "Al2O3": ("AlPPM", mass_fraction("Al", "Al2O3")), "Zn": ("ZnPPM", 1)}
    rows = [factors.get(unit, 0) * number for unit, number in zip(cells.split("|"), (5, 7, 8), strict=True)]
    values = {
        target: multiply(size, *rows) for target, size in (shares[name] for name in names.split("|") if name in shares)
    }
    return assays({**dict.fromkeys(names.split("|"), "5|7|8"), title: cells}, **values)


def signs(title: str, cells: str = "<||", header: str = "Cu_ppm") -> Case:
    """Return a column of signs before a column of numbers, the first one below its limit."""
    return assays({title: cells, header: NUMBERS}, CuPPM=[2.5, 10000, 7])


def beside(title: str, cells: str, **columns: str) -> Case:
    """Return a column that is not about the numbers of copper."""
    return assays({title: cells, "Cu_ppm": NUMBERS, **columns}, **PLAIN_CU)


OTHER_COMPANIONS = split_entries("""
    TOC_unit=%/%/%=TOC_pct|TOC_qual=BDL//=TOC_pct|Moisture_flag=<//=Moisture_pct|Hg_qual=U//=Hg_ppm
""")
MEANINGLESS = split_entries("""
    Flag=QC//dup|Sulphides detected=Y/N/N|Less than 2 mm=Y/Y/N|Below base of oxidation=1/0/0|Operator=L/G/AB
    Above water table=yes/no/no|Bag letter=L/G/U|Map symbol=U/L/L|Nd_ppm=1/0/0|SILT=1/0/1|Age (Ma)=>5/<3/7
    Cu_raw=<10/10000/7
""")
LONG_TABLES = split_entries("""
    Element=Cu/Zn/Fe=Value|Analyte=Cu/Cu_ppm/Fe2O3=RESULT|ANALYTE_CODE=Copper/Zinc/Zinc=Result (numeric)
    Parameter=Cu//Cu=Assay value|Element symbol=Hg/C/Zn=Concentration
""")


def depth_units(title: str, unit: str, factor: float = 1, names: str = "sample,hole,from,to") -> Case:
    ids = dict(zip(names.split(","), IDS.values(), strict=True))
    depths = {"DepthFrom": multiply(factor, 0, 1, 5), "DepthTo": multiply(factor, 1, 2, 6)}
    cells = unit if "|" in unit else f"{unit}|{unit}|{unit}"
    return assays({title: cells, "Cu_ppm": "5|7|8"}, ids=ids, id_values={**ID_VALUES, **depths}, CuPPM=[5, 7, 8])


COMPANION_CASES = [
    # units
    *(
        unit_cells(title, MIXED)
        for title in split_list("Units|Unit|UOM|Cu_unit|unit Cu|result unit|x|Grade unit|Lab_Unit")
    ),
    *(unit_cells(title, MIXED) for title in ("Unit of measure", "Reporting unit")),
    *(unit_cells(title, "wt%|ppm|PPB", "Cu|Al2O3") for title in ("Units", "unit")),
    unit_cells("Units", "ppm|ppm|ppm", "Cu|Zn"),
    unit_cells("Cu_unit", MIXED).with_options(content_unit="ppm"),
    unit_cells("Cu_unit", MIXED).with_options(columns=("CuPPM=Cu",)).notes("units read from separate columns"),
    unit_cells("Units", MIXED).with_options(columns=("CuPPM=Cu",), content_unit="ppm"),
    *ask("content-unit", unit_cells("Cu_unit", MIXED, "Cu|Zn"), unit_cells("Hg_unit", MIXED, "Hg|Cu")),
    *ask("content-unit", unit_cells("Unit", "Basalt|Shale|Shale"), unit_cells("TOC_unit", MIXED, "Cu|TOC_pct")),
    *ask("content-unit", *(unit_cells(title, MIXED) for title in ("Moisture_unit", "Core_recovery_unit"))),
    *ask(ERROR, *(unit_cells("Units", f"ppm|{unit}|ppm") for unit in ("", "opt", "cps", "m", "mol%"))),
    *ask(ERROR, *(unit_cells("Units", MIXED, header) for header in ("Cu_ppm", "CuPPM", "Cu (%)"))),
    *ask(ERROR, unit_cells("Units", MIXED).with_options(columns=("CuPPM=Cu:ppm",))),
    *ask(ERROR, assays({"Cu": NUMBERS, "Unit": MIXED, "Zn": NUMBERS, "Unit.1": MIXED})),
    depth_units("Depth Unit", "ft", 0.3048),
    depth_units("Units", "cm", 0.01),
    depth_units("Unit", "m"),
    *ask(ERROR, depth_units("Depth Unit", "ft|m|m"), depth_units("Depth Unit", "ft", 1, "sample,hole,from_m,to_m")),
    *ask(ERROR, depth_units("Depth Unit", "ft", 1, "sample,SiteID,DepthFrom,DepthTo")),
    # units and signs of something else
    *(beside(title, cells, **{other: "1|2|3"}) for title, cells, other in OTHER_COMPANIONS),
    *(beside(title, "1|5|12") for title in ("Depth below surface", "ND", "Cu_LT", "Flag", "Q")),
    *(beside(title, cells) for title, cells in MEANINGLESS),
    assays({"Cu_ppm": "5,5|10,50|7", "Cu_flag": "3,5||"}, GERMAN, CuPPM=[5.5, 10.5, 7]),
    assays(
        {"Hg_sign": ">||", "Hg_ppm": NUMBERS, "Cu_pct_sign": "|>|", "Cu_pct": NUMBERS, "Cu_ppm": NUMBERS}, **PLAIN_CU
    ).with_options(columns=("CuPPM=Cu_ppm",)),
    # signs
    *(signs(title) for title in split_list("Cu_sign|Cu_ppm_qual|CuQual|Cu LTGT|Symbol Cu|< Cu|x")),
    *(signs(title, "L||=") for title in ("Cu_Q", "Cu_flag", "RESULT_LETTER", "Result Qualifier")),
    *(
        signs(title, "TRUE|FALSE|FALSE")
        for title in split_list("Cu_LT|Cu_censored|Censored|Cu_BDL|CuCen|Cu.cen|Cen|Cu_nd|nd")
    ),
    *(signs(title, "1|0|0") for title in ("Cu_LT", "censored", "Cu_below_LOD", "Cu below DL?", "Cu_ND")),
    *(signs(title, "N|Y|Y") for title in ("Cu_detected", "Cu_ppm_det", "Detected")),
    *(signs(title, "U||=") for title in ("Lab Qual", "Final Qualifier")),
    *may_ask(ERROR, signs("Cu_ppm validation qualifier", "U||=")),
    *(signs("Qualifier", f"{sign}||") for sign in ("ND", "not detected", "<MDL", "BQL")),
    signs("Remark", "below detection||"),
    signs("Cu_sign", "<||", "CuPPM"),
    signs("Cu-ICP61_Q", "<||", "Cu-ICP61 (g/t)"),
    signs("Cu_sign", "<||", "Cu_tot").with_options(columns=("CuPPM=Cu_tot",)),
    signs("Cu_text", "<5|10000|7").with_options(columns=("CuPPM=Cu_text:ppm",)),
    assays({"Cu_ppm": NUMBERS, "Sign": "<||"}, ids={"": "1|2|3", **IDS}, CuPPM=[2.5, 10000, 7]),
    assays({"Cu": NUMBERS, "Cu_sign": "<||", "Cu_unit": "%|ppm|ppb"}, CuPPM=[25000, 10000, 0.007]),
    assays({"Cu_ppm": NUMBERS, "Cu_sign": "<||", "Cu_text": "<5|10000|7"}, CuPPM=[2.5, 10000, 7]),
    assays(
        {"Cu_qual": "<||", "Cu_ppm": NUMBERS, "Fe2O3_qual": "||BDL", "Fe2O3 (%)": "5|6|7"},
        **{"CuPPM": [2.5, 10000, 7], "FePCT": multiply(mass_fraction("Fe", "Fe2O3"), 5, 6, 3.5)},
    ),
    *ask(
        ERROR,
        # over-range, or unknown
        *(signs(title, "|>|") for title in ("Cu_sign", "Cu_ppm_qual", "x", "Cu_x", "sign", "Cu_sol_x")),
        *(signs("Cu_qual", f"|{sign}|") for sign in ("G", "J", "-", "ADL", "+", "~", "N", "1")),
        *(signs(title, "|yes|") for title in ("Cu_GT", "Cu_overlimit")),
        *(signs("Cu_status", f"{sign}|OK|dup") for sign in ("<LOD", "over range", "<")),
        signs("Moisture_flag"),
        signs("Cu_remark", "below detection||"),
        signs("Dup qualifier", "U||"),
        # the numbers of an imported column repeated with signs
        *(signs(title, "<5|10000|7") for title in ("Cu_ppm_orig", "Cu reported", "Result", "Raw")),
        *(signs(title, "<2|>10000|7") for title in ("Cu_ppm_text", "Copper as reported")),
        assays({"Cu_ppm": "5,5|10,50|7", "Cu_raw": "5,5|>10,5|7"}, GERMAN),
        # unclear of which column
        *(
            assays({title: "|>|", "Cu_ppm": NUMBERS, "Zn_ppm": NUMBERS})
            for title in ("sign", "RESULT_LETTER", "Flag", "x")
        ),
        # one line for each result
        *(
            assays({title: cells, value: NUMBERS, "Sign": "<||", "Unit": "ppm|ppm|%"})
            for title, cells, value in LONG_TABLES
        ),
    ),
]

COUNTER, TWO_IDS = "1|2|3", {"FieldID": "F1|F2|F3", "LabID": "L7|L8|L9"}


def join(
    columns: dict[str, str],
    samples: str = "R1|R2|R3",
    title: str = "sample",
    cells: str = "",
    left_columns: dict[str, str] | None = None,
    form: TextFormat = US,
) -> Case:
    """A table of spectra with `columns` and an assay table whose column `title` lists samples.

    `samples` are the right names of the spectra; `left_columns` are columns of the assay table in front of `title`.
    """
    ids = {**(left_columns or {}), title: cells or samples, **{name: IDS[name] for name in list(IDS)[1:]}}
    spectra = table(MIR, form, columns, samples)
    return assays({"CuPPM": "100|200|300"}, ids=ids, spectra=spectra, CuPPM=[100, 200, 300])


def one_file(name: str, sample: str) -> Case:
    spectra = table(columns={"sample": sample}, index=unicodedata.normalize("NFC", sample))
    pairs = zip(spectra.right.wavenumbers, spectra.right.absorbance[0], strict=True)
    content = "".join(f"{x:.1f},{y:.5f}\n" for x, y in pairs)
    ids = {"sample": sample, **{title: IDS[title].split("|")[0] for title in list(IDS)[1:]}}
    id_values = {title: values[:1] for title, values in ID_VALUES.items()}
    spectra = replace(spectra, files={f"{name}.csv": content.encode()})
    return assays({"CuPPM": "7"}, ids=ids, id_values=id_values, spectra=spectra, CuPPM=[7])


def holes(names: str, form: TextFormat = US, **columns: str) -> Case:
    id_values = {**ID_VALUES, "SiteID": [*names.split("|")]}
    ids = {**IDS, "SiteID": names}
    return assays({"CuPPM": "1|2|3", **columns}, form, ids=ids, id_values=id_values, CuPPM=[1, 2, 3])


def changed(old: bytes, new: bytes, **values: list[float | str | None]) -> Case:
    """Return an assay table with a part of its content replaced. values: the expected values that differ."""
    case = holes("H1|H1|H2")
    assert old in case.files["assays.csv"]
    right = replace(case.right, assays={**case.right.assays, **values})
    return replace(case, files={**case.files, "assays.csv": case.files["assays.csv"].replace(old, new)}, values=right)


TABLE = holes("H1|H1|H2").files["assays.csv"]
TRANSPOSED = "\n".join(map(",".join, zip(*(line.split(",") for line in TABLE.decode().split()), strict=True))).encode()
GARBLED = split_entries(r"""
    gbk=\u94bb\u5b54|gbk=\u5b54|big5=\u947d\u5b54|shift_jis=\u30dc\u30fc\u30ea\u30f3\u30b0|euc_kr=\uc2dc\ucd94\uacf5
    euc_kr=\uacf5|cp1251=\u0421\u043a\u0432-|koi8-r=\u0421\u043a\u0432|cp1250=D\u0105b \u0142
    mac_roman=\u00e0|mac_roman=Gr\u00e4ben|cp850=M\u00fc|cp1253=\u0393\u03b5\u03ce
    utf_8=D\xc3\xbcrr|utf_8=Gr\xc3\xa4ben \xe2\u20ac\u201c|utf_8=D\ufffdrr
""")


def encoded(encoding: str, escaped: str) -> Case:
    name = escaped.encode().decode("unicode-escape")
    return holes(f"{name} 1|{name} 1|{name} 2", TextFormat(encoding=encoding))


def replicates(names: str, samples: str = "S-000|S-001", option: str = "mean") -> Case:
    spectra = table(index=names)
    first, second, third = spectra.right.absorbance
    values = Values(samples.split("|"), spectra.right.wavenumbers, np.array([(first + second) / 2, third]))
    ids = {"sample": samples, "SiteID": "H1|H1", "DepthFrom": "0|1", "DepthTo": "1|2"}
    case = assays(
        {"CuPPM": "1|2"},
        ids=ids,
        id_values={"SiteID": ["H1", "H1"]},
        spectra=replace(spectra, values=values),
        CuPPM=[1, 2],
    )
    return case.with_options(replicates=option)


JOINS = [
    join({"": COUNTER, "SampleID": "R1|R2|R3"}),
    join({"": COUNTER, "SampleID": "R1|R2|R3"}, title="SampleID", form=QUOTED),
    join({"No": COUNTER, "Sample ID": "R1|R2|R3"}),
    join({"Nr": COUNTER, "Probe": "R1|R2|R3"}, form=GERMAN),
    join({"row": COUNTER, "sample_id": "R1|R2|R3"}, title="sample_id", form=US_TAB),
    *(
        join({first: cells, second: "R1|R2|R3"})
        for first, cells, second in split_entries("""
            Date=2024-03-01/2024-03-02/2024-03-05=SampleID|=//=SampleID|batch=//=Sample|Depth=1.5/2.5/3.5=SampleID
            project=Alpha/Alpha/Alpha=Sample No|operator=Ann/Ben/Cem=SampleName|scans=64/64/64=sample
            Sample date=2024-03-01/2024-03-02/2024-03-05=Sample|Sample type=core/chip/core=ID
            Sample mass (g)=1.5/2.5/3.5=SampleID|Sampled by=Ann/Ben/Cem=Sample No|HoleID=H1/H1/H2=SampleID
            File=a.0/b.0/c.0=SampleID
        """)
    ),
    join({"sample": "R1|R2|R3"}, title="SampleID", left_columns={"": COUNTER}),
    join({"": COUNTER, "SampleID": "R1|R2|R3"}, title="SampleID", left_columns={"": "7|8|9"}),
    join(TWO_IDS, "L7|L8|L9").with_options(sample="LabID"),
    join({"ID": "F1|F2|F3", "\u00c9ID": "L7|L8|L9"}, "L7|L8|L9").with_options(sample="E\u0301ID"),
    *(
        join({"SampleID": names}, names, title="SampleID")
        for (names,) in split_entries("""
            A1/#2/A3|#1/#2/#3|5001/5002/5003|1.5/2.5/3.5|001/002/003|R3/R1/R2|12 A/12 B/13 A
            2024-03-01/2024-03-02/2024-03-05
        """)
    ),
    join({"sample": "R1 | R2|R3"}),
    *may_ask(
        "sample",
        join({"sample": "3|1|2"}, "3|1|2", "SampleID", left_columns={"No": COUNTER}),
        join({"ID": "11|12|13", "Name": "R1|R2|R3"}),
        join({"sample": "R1|R2|R3", "SampleID": "L1|L2|L3"}),
        join(TWO_IDS, "L7|L8|L9"),
        # the counter and the ids are numbers that overlap
        join({"": COUNTER, "SampleID": "3|1|2"}, "3|1|2"),
        join({"row": COUNTER, "Sample ID": "2|3|1"}, "2|3|1", "Sample ID"),
        join({"": "0|1|2", "id": "2|0|1"}, "2|0|1"),
    ),
    *ask(("sample", "target"), join({"sample": "R1|R2|R3"}, title="SampleID", left_columns={"Sample No": "R3|R1|R2"})),
    *ask(
        ERROR,
        join({"": COUNTER, "SampleID": "7|8|9"}, cells=COUNTER),
        join({"sample": "001|002|003"}, cells=COUNTER),
        join({"sample": "R1|R2|R3"}, cells="r1|r2|r3"),
        join({"sample": "R1|R2|R3"}, cells="R1|R2|R4"),
        replicates("S-000_1|S-000_2|S-001_1", option="one"),
        replicates("S-000.1|S-000.2|S-001.1"),
        replicates("S-000_1|S-000_2|S-001_1", "S-0|S-1"),
        *(holes(f"H1|H2|{name}") for name in ("NA", "nan", "-")),
    ),
    replicates("S-000_1|S-000_2|S-001_1").notes("S-000_1 of S-000"),
    replicates("S-000 rep1|S-000 rep2|S-001"),
    replicates("S-000(1)|S-000(2)|S-001(1)"),
    holes("DH01|dh01|H2").notes("'DH01' and 'dh01' count as different drill holes"),
    holes("DH-01|H2|DH1").notes("'DH-01' and 'DH1' count as different drill holes"),
    holes("DH/1|H2|DH\u20111").notes("count as different drill holes"),
    holes("12-3|123|1-23"),
    # one name of two holes
    holes("1|1|2", Project="North|South|South").notes("'1' occurs with several values of 'Project' (North, South)"),
    changed(b",1,2,2", b",0,2,2", DepthFrom=[0, 0, 5]).notes("samples of 'H1' overlap in depth"),
    # encodings: read with a note, or rejected
    encoded("cp1252", r"Gr\xe4ben \u2013 S\xfc\xdf").notes("were read as Windows-1252"),
    *(encoded("utf-8", name) for name in (r"Gr\xe4ben \u2013 S\xfc\xdf", r"\xc9T\xc9 \xab\xc0\xbb", r"\u94bb\u5b54")),
    *ask(NO_ID, *(encoded(*entry) for entry in GARBLED)),
    *ask(NO_ID, *(table(form=TextFormat(encoding=name), index="\u5b541|\u5b542|\u5b543") for name in ("gbk", "big5"))),
    # ends and layouts of files
    *(changed(b",6,3\n", end) for end in (b",6,3\n\x1a", b",6,3\x1a", b",6,3\r\n\x1a\r\n")),
    *ask(
        NO_ID,
        *(changed(TABLE, TABLE + end) for end in (bytes(600), b"\n" * 70_000 + bytes(9), b"BLK,,,,2\n")),
        *(changed(TABLE, TABLE + mark + TABLE.replace(b"Cu", b"Zn")) for mark in (b"", b"\n", b"\x1a\n")),
        *(changed(TABLE, TRANSPOSED.replace(b"sample", name)) for name in (b"sample", b"Element", b"")),
        changed(TABLE, re.sub(rb"(.+)", rb'"\1"', TABLE)),
        changed(b"R2,H1", b"R2,"),
    ),
    # composed and decomposed accents, in file names and tables
    one_file("E\u0301chantillon A", "\u00c9chantillon A"),
    one_file("\u00c9chantillon A", "E\u0301chantillon A"),
    one_file("\u00c9ch A", "\u00c9ch A").with_options(name="(?P<sample>E\u0301ch A).csv"),
    one_file("sol n\u00b0\u00a0A", "sol n\u00b0 A"),
    *may_ask("replicate", one_file("DH1_12.5", "DH1_12.5")),
    *ask("replicate", one_file("DH1_12.5", "DH1_12")),
]
