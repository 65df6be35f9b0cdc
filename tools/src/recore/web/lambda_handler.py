"""What AWS Lambda calls for each request of API Gateway, with payloads of version 1.0 and 2.0.

Environment variables: RECORE_ENDPOINT, the name of the endpoint; RECORE_COLUMNS, a file with the columns of the data
that the endpoint was trained on; RECORE_NEEDS_KEY, "true" if API Gateway asks for an API key.
"""

import json
import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

from mangum import Mangum

from recore.web.application import make_application
from recore.web.predictor import Predictor, make_runtime
from recore.web.uploads import Limits

LARGEST_FILE = 4 << 20  # bytes: a request to Lambda has at most 6 MB, in base64


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    answer: dict[str, Any] = _make()(event, context)
    return answer


@cache
def _make() -> Mangum:
    logging.getLogger("recore.web").setLevel(logging.WARNING)
    columns = json.loads(Path(os.environ["RECORE_COLUMNS"]).read_text("utf-8"))
    limits = Limits(largest_file=LARGEST_FILE, most_spectra=50)
    predictor = Predictor(make_runtime(), os.environ["RECORE_ENDPOINT"], columns, limits)
    needs_key = os.environ.get("RECORE_NEEDS_KEY") == "true"
    return Mangum(make_application(predictor, needs_key=needs_key), lifespan="off")
