"""The platform sends step 2's file to the model in one request of at most 100 MB. A larger file is rejected, or split
into batches of lines, of which only the first has the header. If the data have fewer rows than the challenge's 1,344,
the size is extrapolated. A single line must not exceed 6 MB.

    inputs.to_csv(output)   # 3,651 channels of 17 digits: 93 MB for 1,344 rows

Fix: write fewer columns or fewer digits, such as `to_csv(float_format="%.5g")`.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.training_plan import REAL_ROWS
from recore.evaluation import LINE_BATCHES, MAX_PAYLOAD_MB

FIX = (
    'Write fewer columns or fewer digits, as with float_format="%.5g". `recore run --max-payload 6` shows whether the '
    "model works with a split file"
)


@rule("The inputs fit into one Batch Transform request", needs=("RC502",))
def inspect(experiments: Experiments) -> Findings:
    path, rows = experiments.preprocessing(), experiments.data.rows
    row = path.stat().st_size / max(1, rows) / 1e6
    expected = row * max(rows, REAL_ROWS)
    location = Location("preprocess.py")
    if row > LINE_BATCHES["MaxPayloadInMB"]:
        yield Finding(f"preprocess.py writes {row:.1f} MB per row, but no request may exceed 6 MB", FIX, location)
    elif expected > MAX_PAYLOAD_MB:
        message = (
            f"preprocess.py writes {row * 1000:.1f} kB per row, or {expected:.0f} MB for {max(rows, REAL_ROWS)} rows; "
            f"a Batch Transform request must not exceed {MAX_PAYLOAD_MB} MB, so the file would be split"
        )
        yield Finding(message, FIX, location, Level.WARNING)
