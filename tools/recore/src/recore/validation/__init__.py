"""Cross-validation of a submission on held-out drill holes, and prediction errors."""

from recore.validation.baselines import fills_gaps
from recore.validation.plan import FOLDS, SPLIT_NAMES, SPLITS, Curve, Split, make_folds
from recore.validation.prediction_errors import (
    DEFINITIONS,
    MEASURES,
    errors_table,
    format_errors,
    paired_values,
    r2_by_target,
    r2_of_sums,
    unit_of,
)
from recore.validation.result import ValidationResult, ValidationSettings
from recore.validation.validation import PROBES, Advance, run_validation
from recore.validation.workers import SubmissionError
