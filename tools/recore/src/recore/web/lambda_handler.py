"""Handler for requests that API Gateway sends to AWS Lambda, with payload versions 1.0 and 2.0.

Environment variables: RECORE_ENDPOINT, the endpoint's name; RECORE_COLUMNS, a file next to score.py with the columns of
the endpoint's training data; RECORE_NEEDS_KEY, "true" if API Gateway requires an API key.
"""

import json
import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

from mangum import Mangum

from recore.challenge import SCORE_SCRIPT, read_challenge, set_challenge
from recore.text import plain
from recore.web.application import make_application
from recore.web.guard import HEADERS
from recore.web.predictor import Predictor, make_runtime
from recore.web.uploads import Limits

MAX_FILE_SIZE = 4 << 20  # bytes; a request to Lambda has at most 6 MB, in base64
MAX_REASON = 400  # characters
log = logging.getLogger("recore.web")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Respond to an event. Failures are logged in one line, and never raised."""
    try:
        application = _make_application()
    except Exception as error:
        log.error("the page cannot start: %s; rewrite and redeploy it", plain(str(error), MAX_REASON))
        return _error_response(500, "this page is not set up; the reason is in its log")
    try:
        response: dict[str, Any] = application(event, context)
        return response
    except Exception as error:
        log.error("not an event from API Gateway: %s", plain(repr(error), MAX_REASON))
        return _error_response(400, "this is not a request from API Gateway")


def _error_response(status: int, reason: str) -> dict[str, Any]:
    headers = HEADERS | {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps({"error": reason}), "isBase64Encoded": False}


@cache
def _make_application() -> Mangum:
    log.setLevel(logging.WARNING)
    endpoint, file = (os.environ.get(name, "") for name in ("RECORE_ENDPOINT", "RECORE_COLUMNS"))
    needs_key = os.environ.get("RECORE_NEEDS_KEY", "false").lower()
    if not endpoint or not file or needs_key not in ("true", "false"):
        raise ValueError("RECORE_ENDPOINT and RECORE_COLUMNS are required; RECORE_NEEDS_KEY must be true or false")
    try:
        columns = json.loads(Path(file).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: {error}") from None
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise ValueError(f"{file}: not a list of names")
    set_challenge(read_challenge(Path(file).with_name(SCORE_SCRIPT)))
    limits = Limits(max_file_size=MAX_FILE_SIZE, max_spectra=50)
    predictor = Predictor(make_runtime(), endpoint, columns, limits)
    return Mangum(make_application(predictor, needs_key=needs_key == "true"), lifespan="off")
