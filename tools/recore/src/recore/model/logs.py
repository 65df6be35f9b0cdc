"""The log of a job or a server: what is logged goes to its standard output, which SageMaker keeps."""

import logging
import sys


class StdoutHandler(logging.Handler):
    """Writes messages to what is standard output at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message, with the traceback if it has one."""
        try:
            print(self.format(record), file=sys.stdout, flush=True)
        except Exception:
            self.handleError(record)


def log_to_stdout() -> None:
    """Send all messages from INFO on to standard output. Safe to call repeatedly."""
    root = logging.getLogger()
    if not any(isinstance(handler, StdoutHandler) for handler in root.handlers):
        root.addHandler(StdoutHandler())
    root.setLevel(logging.INFO)
    for name in ("boto3", "botocore", "s3transfer", "urllib3", "werkzeug"):
        logging.getLogger(name).setLevel(logging.WARNING)
