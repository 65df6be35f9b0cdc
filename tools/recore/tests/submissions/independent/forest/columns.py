"""The assays, in the order of the predictions."""

ASSAYS = [
    *("AgPPM", "AsPPM", "AuPPM", "BaPPM", "BiPPM", "CdPPM", "CoPPM", "CuPPM", "FePCT", "MnPPM", "MoPPM", "NiPPM"),
    *("PPCT", "PbPPM", "SPPM", "SbPPM", "SePPM", "SnPPM", "SrPPM", "TePPB", "ThPPB", "UPPB", "VPCT", "WPPM"),
    *("ZnPPM", "ZrPPM", "BePPM", "AlPPM", "CaPPM", "CePPM", "CrPPM", "CsPPM", "GaPPM", "GePPM", "HfPPM", "InPPM"),
    *("KPPM", "LaPPM", "LiPPM", "MgPPM", "NaPPM", "NbPPM", "RbPPM", "RePPM", "ScPPM", "TaPPM", "TiPPM", "TlPPM"),
    "YPPM",
]
