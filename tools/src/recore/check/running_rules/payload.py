"""preprocess.py writes more than Batch Transform sends in one request. The platform sends step 2's file to the model in
one request, of at most 100 MB. A larger file is refused, or must be sent by lines, where only the first request has the
header. The size is extrapolated to 18,000 rows. A single line of more than 6 MB cannot be sent at all.

    inputs.to_csv(output)   # 1,700 channels of 17 digits: 32 kB a row, 570 MB for 18,000 rows

Fix: write fewer columns or fewer digits, such as `to_csv(float_format="%.5g")`. With its option `--max-payload 6`,
`recore run` sends smaller files by lines, too.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.extrapolation import REAL_ROWS
from recore.check.rule import Finding, Level, Place, rule
from recore.evaluation import BY_LINES, LARGEST_PAYLOAD

FIX = 'Write fewer columns or fewer digits, such as float_format="%.5g"; `recore run --max-payload 6` splits the file'


@rule("RC506", "The inputs fit into one Batch Transform request", needs=("RC502",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    path, rows = experiments.preprocessing(), experiments.data.rows
    row = path.stat().st_size / max(1, rows) / 1e6
    expected = row * max(rows, REAL_ROWS)
    place = Place("preprocess.py")
    if row > BY_LINES["MaxPayloadInMB"]:
        yield Finding(f"preprocess.py writes {row:.1f} MB a row, but no request may exceed 6 MB", FIX, place)
    elif expected > LARGEST_PAYLOAD:
        message = (
            f"preprocess.py writes {row * 1000:.1f} kB a row, or {expected:.0f} MB for {max(rows, REAL_ROWS)} rows; a "
            f"Batch Transform request must not exceed {LARGEST_PAYLOAD} MB, so the file would be split"
        )
        yield Finding(message, FIX, place, Level.WARNING)
