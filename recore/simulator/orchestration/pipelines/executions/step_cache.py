"""The results of cached steps, which are reused for equal requests while they are new enough and still on S3.

The key of a result is a digest of the step's request, in which S3 URIs are replaced with digests of their contents.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable
from typing import Any

from recore.simulator.compute.batch.manifest import source_objects
from recore.simulator.compute.failure import JobFailed
from recore.simulator.compute.platform import Platform
from recore.simulator.orchestration.pipelines.definitions.step import PipelineStep
from recore.simulator.orchestration.pipelines.executions.s3_content import content, objects
from recore.simulator.state.records import Record, now

UNCACHED = ("RoleArn", "Tags", "ExperimentConfig")  # members of all requests that do not affect the result
# members of a model that do not affect its predictions
OF_A_MODEL = ("ModelName", "ModelArn", "CreationTime", "LastModifiedTime", "ExecutionRoleArn")
Contents = Callable[[str], Any]  # returns the digests of the objects below an S3 URI, or None if there are none


class StepCache:
    """The cached results of one pipeline.

    check: called regularly while contents are read; it raises when the work must end.
    """

    def __init__(self, platform: Platform, pipeline: str, check: Callable[[], None]):
        self._platform, self._store, self._check = platform, platform.store, check
        self._kind = cache_kind(pipeline)
        self._contents: dict[str, dict[str, str] | None] = {}

    def forget_contents(self) -> None:
        """Forget what was read from S3. Called once before several steps start, as they often read the same objects."""
        self._contents.clear()

    def key(self, step: PipelineStep, request: Record) -> str:
        """Return the key under which the result of a step with this request is kept."""
        described = dict(request)
        if model := self._store.get("Model", request.get("ModelName", "")):  # each execution's model has another name
            described["ModelName"] = {name: value for name, value in model.items() if name not in OF_A_MODEL}
        source = request.get("TransformInput", {}).get("DataSource", {}).get("S3DataSource", {})
        if source.get("S3DataType") == "ManifestFile":
            described["Named"] = self._named(source)
        digest = cache_key(described, (*step.request_type.uncached, *UNCACHED), self._content)
        return f"{step.name}/{step.type.name}/{digest}"

    def _named(self, source: Record) -> list[Any]:
        """Return the objects that a manifest names, with their ETags."""
        with contextlib.suppress(JobFailed):  # the job will report the problem
            return [
                (item.bucket, item.key, objects(self._platform.s3, f"s3://{item.bucket}/{item.key}").get(item.key))
                for item in source_objects(self._platform.s3, source, self._check)
            ]
        return []

    def find(self, step: PipelineStep, key: str) -> Record | None:
        """Return an earlier result (the ARN of its execution, its properties and its metadata), or None."""
        entry = self._store.get(self._kind, key)
        if entry is None or (step.cache.expires is not None and now() - entry["Time"] > step.cache.expires):
            return None
        for uri, before in entry["Objects"].items():
            present = objects(self._platform.s3, uri)
            if any(present.get(name) != tag for name, tag in before.items()):
                return None
        return entry

    def keep(self, step: PipelineStep, key: str, execution: str, properties: Any, metadata: Record) -> None:
        """Keep the result of a step that succeeded."""
        present = {uri: self._results(uri) for uri in step.request_type.outputs(properties)}
        entry = {
            "Time": now(),
            "SourcePipelineExecutionArn": execution,
            "Properties": properties,
            "Metadata": metadata,
            "Objects": present,
        }
        self._store.change(self._kind, key, lambda _: entry, {})

    def _content(self, uri: str) -> dict[str, str] | None:
        if uri not in self._contents:
            self._contents[uri] = content(self._platform.s3, uri, self._check)
        return self._contents[uri]

    def _results(self, uri: str) -> dict[str, str]:
        """Return the ETags of an output's objects, by key: the object at the URI itself, or those in the folder."""
        key = uri.removeprefix("s3://").partition("/")[2].rstrip("/")
        tags = objects(self._platform.s3, uri).items()
        return {name: tag for name, tag in tags if name == key or name.startswith(f"{key}/")}


def cache_kind(pipeline: str) -> str:
    """Return the kind of the records of a pipeline's cached results."""
    return f"PipelineCache {pipeline}"


def cache_key(request: dict[str, Any], uncached: tuple[str, ...], contents: Contents) -> str:
    """Return a digest of a request without the members that do not affect its result.

    uncached: the paths of these members. S3 URIs, even as JSON in hyperparameters, become content digests.
    """
    kept = request
    for path in uncached:
        kept = _without(kept, path.split("."))
    text = json.dumps(_by_content(kept, contents), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _without(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    others = {name: item for name, item in value.items() if name != path[0]}
    return others if len(path) == 1 else others | {path[0]: _without(value[path[0]], path[1:])}


def _by_content(value: Any, contents: Contents) -> Any:
    if isinstance(value, dict):
        return {name: _by_content(item, contents) for name, item in value.items()}
    if isinstance(value, list):
        return [_by_content(item, contents) for item in value]
    if isinstance(value, str) and (uri := value.strip('"')).startswith("s3://"):
        content = contents(uri)
        return value if content is None else {"content": content}
    return value
