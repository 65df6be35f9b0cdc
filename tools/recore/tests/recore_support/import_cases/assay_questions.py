"""Cases of assay tables that leave something open: a unit, a target, a ton, a compound."""

from recore_support.import_cases.assays import assay_case, share, times
from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.text import GERMAN, US_TAB

CELLS = ("1.5", "2", "4")
OXIDES = ("SiO2", "Al2O3", "Fe2O3", "MgO", "CaO", "Na2O", "K2O", "TiO2", "P2O5", "MnO", "LOI")


def table(name: str, *headers: str) -> Case:
    """Columns with the same numbers under these headers."""
    return assay_case(name, dict.fromkeys(headers, CELLS), {})


def explicit(column: str, header: str, factor: float) -> Case:
    """A column that --column names; converted or refused."""
    target = column.partition("=")[0]
    case = assay_case(f"--column {column}", {header: CELLS}, {target: times(factor, 1.5, 2, 4)})
    return case.with_options(columns=(column,)).or_asks(ANY)


CASES: list[Case] = [
    # no unit
    table("oxides without a unit", *OXIDES).asks("content-unit"),
    table("one oxide without a unit", "Cr2O3").asks("content-unit"),
    table("oxides and elements without a unit", "MnO", "Al2O3", "Ni", "Cu", "S").asks("content-unit"),
    table("elements without a unit", "Cu", "Zn", "Pb").asks("content-unit"),
    table("elements of XRF without a unit", "Cu XRF", "Zn XRF").asks("content-unit"),
    table("an oxide without a unit beside ppm", "Cu_ppm", "TiO2").asks("content-unit"),
    table("names of R that lost the per cent", "Fe2O3....", "Al2O3....").asks("content-unit"),
    table("capitals", "FE2O3", "AL2O3", "CAO").asks("content-unit"),
    table("small letters", "cu", "zn").asks("content-unit"),
    table("totals", "Fe2O3T", "TiO2").asks("content-unit"),
    assay_case("oxides, German", {"Al2O3": ("8,5", "9", "7"), "CaO": ("1,5", "2", "3")}, {}, GERMAN).asks(
        "content-unit"
    ),
    table("an oxide without a unit by --column", "Al2O3", "TiO2")
    .with_options(columns=("AlPPM=Al2O3",))
    .asks("content-unit"),
    assay_case(
        "--content-unit",
        {"Al2O3": CELLS, "Cu": CELLS},
        {"AlPPM": times(1e4 * share("Al", Al=2, O=3), 1.5, 2, 4), "CuPPM": [15000, 20000, 40000]},
    ).with_options(content_unit="pct"),
    assay_case(
        "--content-unit does not change stated units",
        {"TiO2": CELLS, "Cu_ppm": CELLS},
        {"TiPPM": times(1e4 * share("Ti", Ti=1, O=2), 1.5, 2, 4), "CuPPM": [1.5, 2, 4]},
    ).with_options(content_unit="pct"),
    # tons
    *(
        table(f"ounces per ton: {header!r}", header).asks("content-unit", "target", "")
        for header in ("Au_opt", "Ag_OPT", "Au (oz/t)", "Ag oz/ton", "AU OPT", "Au_oz", "Au..oz.t.", "Au_ozt")
    ),
    *(
        table(f"ounces per ton by --column: {header!r}", header)
        .with_options(columns=(f"AuPPM={header}",))
        .asks("content-unit", "target", "")
        for header in ("Au_opt", "gold opt", "Au (oz/t)", "AuOPT")
    ),
    # two columns for one target
    table("ppm and per cent", "Cu_ppm", "Cu_pct").asks("target"),
    table("two methods", "Cu ICP ppm", "Cu XRF ppm").asks("target"),
    table("gold twice", "Au_ppb", "Au (g/t)").asks("target"),
    table("element and oxide", "Al_ppm", "Al2O3 (%)").asks("target"),
    table("two oxides of iron", "FeO (%)", "Fe2O3 (%)").asks("target"),
    table("an over-limit method", "Cu_ME-ICP61_ppm", "Cu-OG62 Cu %").asks("target"),
    table("schema and laboratory", "CuPPM", "Cu (%)").asks("target"),
    assay_case(
        "two methods, --column", {"Cu ICP ppm": CELLS, "Cu XRF ppm": ("2", "3", "4")}, {"CuPPM": [2, 3, 4]}
    ).with_options(columns=("CuPPM=Cu XRF ppm",)),
    # compounds of two targets: asked about, or ignored, as minerals are
    *(
        assay_case(
            f"compound of two targets: {header!r}", {header: CELLS, "Cd_ppm": CELLS}, {"CdPPM": [1.5, 2, 4]}
        ).or_asks("target", "content-unit")
        for header in (
            "BaSO4 (%)",
            "MoS2_pct",
            "ZnS (%)",
            "FeS2 %",
            "CuFeS2_pct",
            "CaMg(CO3)2 (%)",
            "PbS_pct",
            "CaSO4 (%)",
            "KAlSi3O8 (%)",
            "Fe3Al2(SiO4)3_pct",
        )
    ),
    # compounds by --column: converted, or refused
    explicit("CaPPM=CaCO3 (%)", "CaCO3 (%)", 1e4 * share("Ca", Ca=1, C=1, O=3)),
    explicit("BaPPM=BaSO4_pct", "BaSO4_pct", 1e4 * share("Ba", Ba=1, S=1, O=4)),
    explicit("MoPPM=MoS2_pct", "MoS2_pct", 1e4 * share("Mo", Mo=1, S=2)),
    explicit("MgPPM=MgCO3 (%)", "MgCO3 (%)", 1e4 * share("Mg", Mg=1, C=1, O=3)),
    explicit("NaPPM=NaCl_pct", "NaCl_pct", 1e4 * share("Na", Na=1, Cl=1)),
    explicit("FePCT=FeS2 %", "FeS2 %", share("Fe", Fe=1, S=2)),
    explicit("ZnPPM=ZnS_pct", "ZnS_pct", 1e4 * share("Zn", Zn=1, S=1)),
    explicit("PbPPM=PbSO4_pct", "PbSO4_pct", 1e4 * share("Pb", Pb=1, S=1, O=4)),
    explicit("SrPPM=SrCO3 (%)", "SrCO3 (%)", 1e4 * share("Sr", Sr=1, C=1, O=3)),
    explicit("ZrPPM=ZrSiO4_pct", "ZrSiO4_pct", 1e4 * share("Zr", Zr=1, Si=1, O=4)),
    explicit("KPPM=KCl_pct", "KCl_pct", 1e4 * share("K", K=1, Cl=1)),
    explicit("FePCT=FeOT (%)", "FeOT (%)", share("Fe", Fe=1, O=1)),
    explicit("FePCT=FeTiO3_pct", "FeTiO3_pct", share("Fe", Fe=1, Ti=1, O=3)),
    explicit("SPPM=SO4_pct", "SO4_pct", 1e4 * share("S", S=1, O=4)),
    explicit("SPPM=BaSO4_pct", "BaSO4_pct", 1e4 * share("S", Ba=1, S=1, O=4)),
    explicit("CaPPM=CaSO4.2H2O (%)", "CaSO4.2H2O (%)", 1e4 * share("Ca", Ca=1, S=1, O=6, H=4)),
    explicit("AlPPM=Al(OH)3 (%)", "Al(OH)3 (%)", 1e4 * share("Al", Al=1, O=3, H=3)),
    # an element by --column that contradicts its column
    explicit("CuPPM=Zn_pct", "Zn_pct", 1e4),
    table("--column for another oxide", "Al2O3 (%)").with_options(columns=("FePCT=Al2O3 (%)",)).asks(ANY),
    # names
    table("a mistyped target", "CuPMP").asks(ANY),
    table("a mistyped target beside others", "ZnPPM", "CuPMM").asks(ANY),
    table("the same header twice", "CuPPM", "cuppm").asks(ANY),
    assay_case("content in tab", {"Cu_x ppm": CELLS}, {}, US_TAB).or_asks(ANY),
]
