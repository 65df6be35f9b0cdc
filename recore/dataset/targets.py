"""The 49 targets: their order, their units, and their limits of detection."""

# The 49 targets in order, each with its limit of detection in its unit, as commercial laboratories publish them for
# four-acid digestion with ICP-MS, and for fire assay of gold.
# fmt: off
DETECTION_LIMITS = {
    "AgPPM": 0.01, "AsPPM": 0.2, "AuPPM": 0.005, "BaPPM": 10, "BiPPM": 0.01, "CdPPM": 0.02, "CoPPM": 0.1,
    "CuPPM": 0.2, "FePCT": 0.01, "MnPPM": 5, "MoPPM": 0.05, "NiPPM": 0.2, "PPCT": 0.001, "PbPPM": 0.5,
    "SPPM": 100, "SbPPM": 0.05, "SePPM": 1, "SnPPM": 0.2, "SrPPM": 0.2, "TePPB": 50, "ThPPB": 10,
    "UPPB": 100, "VPCT": 0.0001, "WPPM": 0.1, "ZnPPM": 2, "ZrPPM": 0.5, "BePPM": 0.05, "AlPPM": 100,
    "CaPPM": 100, "CePPM": 0.01, "CrPPM": 1, "CsPPM": 0.05, "GaPPM": 0.05, "GePPM": 0.05, "HfPPM": 0.1,
    "InPPM": 0.005, "KPPM": 100, "LaPPM": 0.5, "LiPPM": 0.2, "MgPPM": 100, "NaPPM": 100, "NbPPM": 0.1,
    "RbPPM": 0.1, "RePPM": 0.002, "ScPPM": 0.1, "TaPPM": 0.05, "TiPPM": 50, "TlPPM": 0.02, "YPPM": 0.1,
}
# fmt: on
UNITS = {"PPM": 1.0, "PCT": 1e-4, "PPB": 1e3}  # one part per million by mass in each unit
LARGEST = {"PPM": 1e6, "PCT": 100.0, "PPB": 1e9}  # the whole sample is the element
IDS = ("DepthTo", "SiteID", "DepthFrom")
