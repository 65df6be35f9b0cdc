"""The smoothing of preprocessed spectra."""

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
