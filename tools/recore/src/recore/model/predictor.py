"""The interface of a model's predictor: predictions with metadata, and a record of each prediction on S3."""

import datetime
import logging
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

from .environment import S3URL, SageMakerEnv, __version__
from .errors import ConfigError, ServerError
from .strict_json import to_json
from .uploads import S3Access

MAX_KEY = 1024  # S3's limit, in bytes

logger = logging.getLogger(__name__)


class RecordStore(Protocol):
    """Destination of records: S3, or a queue in a server's memory."""

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write a record."""


class ModelPredictor(S3Access):
    """Base class for predictors. env: the environment, which locates the model and can enable recording."""

    def __init__(self, env: SageMakerEnv):
        super().__init__(env)
        self._records: RecordStore = self._uploader
        self._is_background = False

    def setup(self) -> None:
        """Load the model and other resources for predictions. Called once, before all predictions."""

    def teardown(self) -> None:
        """Release the resources of setup(). Called once, after all predictions."""

    def result(self, data: Any) -> Any:
        """Return the prediction for one datum."""
        raise NotImplementedError("Sub-classes should implement .result(...)")

    def batch_result(self, data: Sequence[Any]) -> Sequence[Any]:
        """Return the predictions for a batch, one per datum. Subclasses may override it with a faster version."""
        return [self.result(datum) for datum in data]

    def invoke(self, data: Any) -> dict[str, Any]:
        """Return the `result` for one datum and its `metadata`, and record the prediction if recording is enabled."""
        prediction = {"metadata": self.metadata(), "result": self.result(data)}
        self._record(data, prediction)
        return prediction

    def batch_invoke(self, data: Sequence[Any]) -> dict[str, Any]:
        """Return a dict with `predictions`, one dict per datum as from invoke(), all with the same metadata.

        Raises ServerError if batch_result() does not return one result per datum.
        """
        metadata = self.metadata()
        results = list(self.batch_result(data))
        if len(results) != len(data):
            numbers = f"for {len(data)} it returned {len(results)}"
            raise ServerError(f"batch_result() must return one result per datum; {numbers}")
        predictions = [{"metadata": metadata, "result": result} for result in results]
        for datum, prediction in zip(data, predictions, strict=True):
            self._record(datum, prediction)
        return {"predictions": predictions}

    def metadata(self) -> dict[str, Any]:
        """Return the metadata of a prediction made now: the model's and ML2P's versions, and the POSIX time."""
        return {"model_version": self.env.model_version, "ml2p_version": __version__, "timestamp": _now().timestamp()}

    def record_invoke_id(self, datum: Any, prediction: dict[str, Any]) -> dict[str, Any]:
        """Return the key-value pairs in the name of a record: the time (ISO 8601, UTC) and a random UUID.

        A subclass may return other pairs, but should include these two to keep names unique.
        """
        return {"ts": _now().isoformat(), "uuid": str(uuid.uuid4())}

    def record_invoke(self, datum: Any, prediction: dict[str, Any]) -> None:
        """Write a datum and its prediction to S3, as predictions/VERSION/KEY-VALUE--KEY-VALUE.json.

        Raises ConfigError if the environment has no S3 URL or no model version, ValueError if the record cannot be
        written as JSON or its name is too long for S3, or UploadError if the upload fails.
        """
        s3 = require_s3_url(self.env)
        name = "--".join(f"{key}-{value}" for key, value in self.record_invoke_id(datum, prediction).items())
        key = s3.path(f"predictions/{self.env.model_version}/{name}.json")
        if len(key.encode()) > MAX_KEY:
            raise ValueError(f"a record name must not exceed {MAX_KEY} bytes: {key[:80]}...")
        body = to_json({"input": datum, "result": prediction})
        self._records.put(s3.bucket(), key, body.encode())

    def record_in_background(self, records: RecordStore) -> None:
        """Write records to this store from now on. Failures are logged and do not affect predictions."""
        self._records, self._is_background = records, True

    def _record(self, datum: Any, prediction: dict[str, Any]) -> None:
        if not self.env.record_invokes:
            return
        try:
            self.record_invoke(datum, prediction)
        except Exception as error:
            if not self._is_background:
                raise
            logger.error("an invocation was not recorded: %s: %s", type(error).__name__, error)


def require_s3_url(env: SageMakerEnv) -> S3URL:
    """Return the S3 URL for records. Raises ConfigError if it or the model's version is not set."""
    if env.s3 is None or not env.model_version:
        variable = "ML2P_S3_URL" if env.s3 is None else "ML2P_MODEL_VERSION"
        raise ConfigError(f"invocations cannot be recorded: set the environment variable {variable}")
    return env.s3


def _now() -> datetime.datetime:
    # through the module at each call, so that tests can set the clock
    return datetime.datetime.now(datetime.UTC)
