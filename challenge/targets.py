"""The 49 assays in the order of the predictions, with their weights in the score.

score.py, the host's, has the same table: it runs alone and is not uploaded, and training needs the weights for the
score of held-out drill holes.
"""

# fmt: off
WEIGHTS = {
    "AgPPM": 0.025, "AsPPM": 0.01, "AuPPM": 0.04, "BaPPM": 0.01, "BiPPM": 0.01, "CdPPM": 0.01, "CoPPM": 0.01,
    "CuPPM": 0.35, "FePCT": 0.025, "MnPPM": 0.01, "MoPPM": 0.01, "NiPPM": 0.025, "PPCT": 0.01, "PbPPM": 0.025,
    "SPPM": 0.01, "SbPPM": 0.01, "SePPM": 0.01, "SnPPM": 0.01, "SrPPM": 0.01, "TePPB": 0.01, "ThPPB": 0.01,
    "UPPB": 0.01, "VPCT": 0.01, "WPPM": 0.01, "ZnPPM": 0.025, "ZrPPM": 0.01, "BePPM": 0.01, "AlPPM": 0.025,
    "CaPPM": 0.025, "CePPM": 0.01, "CrPPM": 0.01, "CsPPM": 0.01, "GaPPM": 0.01, "GePPM": 0.01, "HfPPM": 0.01,
    "InPPM": 0.01, "KPPM": 0.025, "LaPPM": 0.01, "LiPPM": 0.01, "MgPPM": 0.025, "NaPPM": 0.025, "NbPPM": 0.01,
    "RbPPM": 0.01, "RePPM": 0.01, "ScPPM": 0.01, "TaPPM": 0.01, "TiPPM": 0.01, "TlPPM": 0.01, "YPPM": 0.01,
}
# fmt: on
TARGETS = tuple(WEIGHTS)
