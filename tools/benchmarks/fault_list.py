"""The faults that benchmarks/faults.py puts into the product: each changes one line, as a careless colleague might.

They were chosen from the product's code alone, before any test was looked at, so that they say something about the
tests. Some are meant to be hard to find: a lock left out, an exception swallowed, a file or a thread left behind.
"""

from dataclasses import dataclass

# The tests of each area of the product, the fastest and most direct first. A folder stands for its files that are not
# listed before it. Paths that a commit does not have are skipped.
AREAS = {
    "scripts": (
        *("tests/scripts/test_score.py", "tests/scripts/test_preprocess.py", "tests/scripts/test_round_trip.py"),
        *("tests/scripts", "tests/contract", "tests/model", "tests/test_run.py"),
    ),
    "cli": (
        *("tests/test_cli.py", "tests/test_run_settings.py", "tests/test_run_refused.py", "tests/test_run.py"),
        *("tests/test_run_proxy.py", "tests/test_run_places.py", "tests/test_run_stopped.py", "tests/test_simulate.py"),
        *("tests/test_run_terminal.py", "tests/evaluation"),
    ),
    "evaluation": (
        "tests/evaluation",
        "tests/failures",
        "tests/test_run.py",
        "tests/test_run_places.py",
        "tests/test_run_stopped.py",
    ),
    "dataset": ("tests/dataset",),
    "container": ("tests/container", "tests/conformance", "tests/simulator/test_sagemaker_containers.py"),
    "model": ("tests/models",),
    "check": ("tests/check/test_runner.py", "tests/check/test_source_rules.py", "tests/check"),
    # with validation, because the report shows its results
    "report": ("tests/report/test_explore.py", "tests/report/test_page.py", "tests/validation", "tests/report"),
    "simulator/api": (
        *("tests/simulator/test_protocol.py", "tests/simulator/test_service_model.py"),
        *("tests/simulator/test_runtime.py", "tests/simulator/test_http_server.py", "tests/simulator"),
    ),
    "simulator/resources": (
        *("tests/simulator/test_models_and_tags.py", "tests/simulator/test_lists.py", "tests/simulator/test_search.py"),
        *("tests/simulator/test_kinds.py", "tests/simulator/test_model_packages.py", "tests/simulator"),
    ),
    "simulator/compute/files": (
        *(
            "tests/simulator/test_archives.py",
            "tests/simulator/test_objects.py",
            "tests/simulator/test_output_files.py",
        ),
        *("tests/simulator/test_processing.py", "tests/simulator/test_training.py", "tests/simulator"),
    ),
    # with servers, because they answer the invocations
    "simulator/compute/endpoints": (
        *("tests/simulator/test_unix_client.py", "tests/simulator/test_traffic.py", "tests/simulator/test_metrics.py"),
        *("tests/simulator/test_data_capture.py", "tests/simulator/test_invocations.py", "tests/simulator"),
    ),
    "simulator/isolation": (
        *("tests/simulator/test_isolation.py", "tests/simulator/test_temporary_folder.py", "tests/simulator"),
    ),
    "simulator/state": (
        *("tests/simulator/test_records.py", "tests/simulator/test_state.py", "tests/simulator/test_state_objects.py"),
        *("tests/simulator/test_state_s3.py", "tests/simulator/test_state_killed.py", "tests/simulator"),
    ),
    "simulator/orchestration/pipelines": (
        *("tests/simulator/test_pipeline_definitions.py", "tests/simulator/test_pipelines.py"),
        *("tests/simulator/test_pipeline_executions.py", "tests/simulator"),
    ),
    "simulator/orchestration/tuning": (
        *("tests/simulator/test_tuning_search.py", "tests/simulator/test_tuning_requests.py", "tests/simulator"),
    ),
    "simulator/images": ("tests/simulator/test_images.py", "tests/simulator/test_xgboost.py", "tests/simulator"),
    "tools": (
        *("tests/test_doctor.py", "tests/test_new.py", "tests/test_template.py", "tests/test_interrupts.py"),
        *("tests/simulator/test_temporary_folder.py", "tests/test_makefile.py", "tests/evaluation/test_run_folder.py"),
        "tests/simulator/test_life.py",
    ),
}


@dataclass(frozen=True)
class Fault:
    """One changed line. old, new: without indentation; the file contains the line `old` exactly once."""

    area: str
    name: str
    file: str
    old: str
    new: str


FAULTS = (
    Fault(
        "scripts",
        "maximum of the whole spectrum",
        "preprocess.py",
        "maximum = spectra[window].max(axis=0)",
        "maximum = spectra.max(axis=0)",
    ),
    Fault("scripts", "two measured rows are too few", "score.py", "if measured.sum() >= 2:", "if measured.sum() > 2:"),
    Fault(
        "scripts",
        "refinement penalises the intercept",
        "challenge/ridge.py",
        "residual[:-1] -= alpha * b[:-1]",
        "residual -= alpha * b",
    ),
    Fault(
        "scripts",
        "parameters of the content type refused",
        "challenge/serving.py",
        'if str(content_type).split(";")[0].strip().lower() != "text/csv":',
        'if str(content_type).strip().lower() != "text/csv":',
    ),
    Fault(
        "cli",
        "names below localhost count as remote",
        "recore/places/opening.py",
        'return host == "localhost" or host.endswith(".localhost")',
        'return host == "localhost"',
    ),
    Fault(
        "cli",
        "a common reason is explained twice",
        "recore/evaluation/kept_run.py",
        "reasons.add(step.reason)",
        "pass",
    ),
    Fault(
        "evaluation",
        "data that changed during the run accepted",
        "recore/evaluation/storage.py",
        "if self.hashes.setdefault(name, digest) != digest:",
        "if not self.hashes.setdefault(name, digest):",
    ),
    Fault(
        "evaluation",
        "private assays that remain are not reported",
        "recore/evaluation/storage.py",
        "raise StepFailed(f\"s3://{address['Bucket']}/{address['Key']} is still there: {error}\") from error",
        "return",
    ),
    Fault(
        "evaluation",
        "no wait for the end of a log",
        "recore/evaluation/jobs.py",
        "delay = 0.0 if self.stopping.is_set() else self.services.log_delay",
        "delay = 0.0",
    ),
    Fault(
        "dataset",
        "one channel of the grid is enough",
        "recore/dataset/grids.py",
        "return places if (np.abs(wavenumbers[places] - self.wavenumbers) <= self.tolerance).all() else None",
        "return places if (np.abs(wavenumbers[places] - self.wavenumbers) <= self.tolerance).any() else None",
    ),
    Fault(
        "dataset",
        "limit of detection not halved",
        "recore/dataset/assay_table.py",
        "return content / 2",
        "return content",
    ),
    Fault(
        "dataset",
        "1_000 read as a number",
        "recore/dataset/cells.py",
        'return value if math.isfinite(value) and "_" not in cell else None',
        "return value if math.isfinite(value) else None",
    ),
    Fault(
        "container",
        "any type not replaced by the default",
        "recore/container/serving.py",
        'accept = self._accept if accept in ("", content_types.ANY) else accept',
        'accept = self._accept if accept == "" else accept',
    ),
    Fault(
        "container",
        "exit code of a script that a signal ended",
        "recore/container/training.py",
        "return code if code >= 0 else 128 - code",
        "return code if code >= 0 else 128 + code",
    ),
    Fault(
        "container",
        "model loaded by several threads at once",
        "recore/container/library/sagemaker_containers/_worker.py",
        "with self._lock:",
        "if True:",
    ),
    Fault(
        "model",
        "records after one that was cut off",
        "recore/model/record_spool.py",
        "self._end_segment()  # an entry that was cut off must be the last one of its file",
        "pass",
    ),
    Fault(
        "model",
        "half a record uploaded",
        "recore/model/record_uploader.py",
        r'while (head := file.readline()).endswith(b"\n") and (body := file.readline()).endswith(b"\n"):',
        "while (head := file.readline()) and (body := file.readline()):",
    ),
    Fault(
        "model",
        "a value of 256 characters refused",
        "recore/model/hyperparameters.py",
        "if len(text) > LONGEST:",
        "if len(text) >= LONGEST:",
    ),
    Fault(
        "check",
        "missing predictions differ from each other",
        "recore/check/predictions.py",
        "same = (first == second) | (np.isnan(first) & np.isnan(second))",
        "same = first == second",
    ),
    Fault(
        "check",
        "a rule that runs keeps others from running",
        "recore/check/runner.py",
        "if code in chosen and not result.rule.runs and not result.passed:",
        "if code in chosen and not result.passed:",
    ),
    Fault(
        "check",
        "the folder of a recursive command counts as a pattern",
        "recore/check/source_rules/manifest.py",
        'patterns = words[1:] if command.startswith("recursive-") else words',
        "patterns = words",
    ),
    Fault(
        "report",
        "ampersands in text not escaped",
        "recore/report/page/html.py",
        'return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")',
        'return value.replace("<", "&lt;").replace(">", "&gt;")',
    ),
    Fault(
        "report",
        "infinite cells kept",
        "recore/spectral_data.py",
        "columns = {name: np.where(np.isfinite(values), values, np.nan) for name, values in arrays.items()}",
        "columns = arrays",
    ),
    Fault("report", "time limit of a fit goes on", "recore/validation/workers.py", "timer.cancel()", "pass"),
    Fault(
        "simulator/api",
        "answers without a request's ID",
        "recore/simulator/api/responses.py",
        '("x-amzn-RequestId", str(uuid.uuid4())),',
        "",
    ),
    Fault(
        "simulator/api",
        "no event for an empty body",
        "recore/simulator/api/runtime.py",
        "starts = range(0, max(len(body), 1), MAX_EVENT_BYTES)",
        "starts = range(0, len(body), MAX_EVENT_BYTES)",
    ),
    Fault(
        "simulator/resources",
        "one client token carried out twice",
        "recore/simulator/resources/client_token.py",
        "with resource.store.transaction():  "
        "# a second request with the same token waits for the response of the first",
        "if True:",
    ),
    Fault(
        "simulator/resources",
        "negative numbers in the opposite order",
        "recore/simulator/resources/paging.py",
        "sort_number = bits if bits >= 0 else -(2**63) - bits  # the bits of negative numbers have the opposite order",
        "sort_number = bits",
    ),
    Fault(
        "simulator/resources",
        "fifty tags refused",
        "recore/simulator/resources/resource.py",
        "if len(merged) > MAX_TAGS:",
        "if len(merged) >= MAX_TAGS:",
    ),
    Fault(
        "simulator/compute/files",
        "files through a link that an archive holds",
        "recore/simulator/compute/files/archives.py",
        "if any(Path(folder, place).is_symlink() for place in (Path(name), *Path(name).parents)):",
        "if Path(folder, name).is_symlink():",
    ),
    Fault(
        "simulator/compute/files",
        "marks of folders downloaded",
        "recore/simulator/compute/files/transfers.py",
        'objects = [(key, size) for key, size in items if not key.endswith("/")]',
        "objects = list(items)",
    ),
    Fault(
        "simulator/compute/endpoints",
        "closed connections used again",
        "recore/simulator/compute/servers/client.py",
        "if connection.is_open():",
        "if not self._closed:",
    ),
    Fault(
        "simulator/compute/endpoints",
        "invocations not told of room",
        "recore/simulator/compute/endpoints/data_capture.py",
        "self._written.notify_all()",
        "pass",
    ),
    Fault(
        "simulator/compute/endpoints",
        "no response is no error",
        "recore/simulator/compute/endpoints/invocation_metrics.py",
        '"Invocation5XXErrors": float(status >= 500 or status == 0),',
        '"Invocation5XXErrors": float(status >= 500),',
    ),
    Fault(
        "simulator/isolation",
        "paths within other paths translated",
        "recore/simulator/isolation/translation.py",
        r'text = re.sub(rf"(?<![\w./-]){path}", str(host_path).replace("\\", r"\\"), text)',
        "text = text.replace(job_path, str(host_path))",
    ),
    Fault(
        "simulator/isolation",
        "sockets in another user's folder",
        "recore/simulator/isolation/socket_folder.py",
        "return info.st_uid in (0, os.geteuid()) and not is_shared",
        "return not is_shared",
    ),
    Fault(
        "simulator/state",
        "changes lost when the machine fails",
        "recore/simulator/state/database.py",
        'connection.execute("PRAGMA synchronous = FULL")',
        'connection.execute("PRAGMA synchronous = NORMAL")',
    ),
    Fault(
        "simulator/state",
        "members that begin with a dollar",
        "recore/simulator/state/records.py",
        'return {f"${key}" if key.startswith("$") else key: _encode_times(item) for key, item in value.items()}',
        "return {key: _encode_times(item) for key, item in value.items()}",
    ),
    Fault(
        "simulator/state",
        "replaced contents stay on the disk",
        "recore/simulator/state/s3_objects.py",
        "self._unlink(replaced_files)",
        "pass",
    ),
    Fault(
        "simulator/orchestration/pipelines",
        "one retry too many",
        "recore/simulator/orchestration/pipelines/definitions/retries.py",
        "if self.attempts is not None and retries >= self.attempts:",
        "if self.attempts is not None and retries > self.attempts:",
    ),
    Fault(
        "simulator/orchestration/pipelines",
        "In needs all values",
        "recore/simulator/orchestration/pipelines/definitions/conditions.py",
        "return any(_holds(kind, compare, first, other) for other in others)",
        "return all(_holds(kind, compare, first, other) for other in others)",
    ),
    Fault(
        "simulator/orchestration/tuning",
        "jobs as good as the median stopped",
        "recore/simulator/orchestration/tuning/completion.py",
        "return value < median if maximize else value > median",
        "return value <= median if maximize else value >= median",
    ),
    Fault(
        "simulator/orchestration/tuning",
        "improvement of a negative objective",
        "recore/simulator/orchestration/tuning/completion.py",
        "if best is None or value - best > MIN_IMPROVEMENT * abs(best):",
        "if best is None or value - best > MIN_IMPROVEMENT * best:",
    ),
    Fault(
        "simulator/images",
        "a registry's port taken for a tag",
        "recore/simulator/images/family.py",
        'return image.rpartition("/")[2].partition("@")[0].partition(":")[2]',
        'return image.partition("@")[0].partition(":")[2]',
    ),
    Fault(
        "simulator/images",
        "only the short names of frameworks refused",
        "recore/simulator/images/built_in.py",
        "if name.startswith(FRAMEWORKS):",
        "if name in FRAMEWORKS:",
    ),
    Fault("tools", "two set-ups at the same time", "recore/installing.py", "fcntl.flock(lock, fcntl.LOCK_EX)", "pass"),
    Fault("tools", "folders of living processes removed", "recore/locked.py", "if lock.held:", "if left.is_dir():"),
    Fault(
        "tools",
        "requirements with a condition counted",
        "recore/doctor/environment.py",
        'if match and ";" not in line and "@" not in line:',
        'if match and "@" not in line:',
    ),
    Fault(
        "tools",
        "a new submission in place of a link",
        "recore/template/new_submission.py",
        "if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):",
        "if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):",
    ),
)
