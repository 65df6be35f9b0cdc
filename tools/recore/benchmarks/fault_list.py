"""The faults that faults.py puts into the product: each changes one line, as a careless colleague might.

They were chosen from the product's code alone, before any test was looked at, so that they say something about the
tests. Some are meant to be hard to find: a lock left out, an exception swallowed, a file or a thread left behind.
"""

from dataclasses import dataclass

# The tests of each area of the product, the fastest and most direct first. A folder stands for its files that are not
# listed before it. Paths that a commit does not have are skipped.
AREAS = {
    "scripts": tuple(
        """
        tests/scripts/test_score.py tests/scripts/test_preprocess.py tests/scripts/test_round_trip.py tests/scripts
        tests/contract tests/model tools/recore/tests/test_run.py
        """.split()
    ),
    "cli": tuple(
        """
        tools/recore/tests/test_cli.py tools/recore/tests/test_run_settings.py tools/recore/tests/test_run_refused.py
        tools/recore/tests/test_run.py tools/recore/tests/test_run_proxy.py tools/recore/tests/test_run_places.py
        tools/recore/tests/test_run_stopped.py tools/stagemaker/tests/test_start.py
        tools/recore/tests/test_run_terminal.py tools/recore/tests/evaluation
        """.split()
    ),
    "evaluation": tuple(
        """
        tools/recore/tests/evaluation tools/recore/tests/failures tools/recore/tests/test_run.py
        tools/recore/tests/test_run_places.py tools/recore/tests/test_run_stopped.py
        """.split()
    ),
    "dataset": ("tools/recore/tests/dataset",),
    "model": ("tools/recore/tests/models",),
    "check": tuple(
        """
        tools/recore/tests/check/test_runner.py tools/recore/tests/check/test_source_rules.py tools/recore/tests/check
        """.split()
    ),
    # with validation, because the report shows its results
    "report": tuple(
        """
        tools/recore/tests/report/test_explore.py tools/recore/tests/report/test_page.py tools/recore/tests/validation
        tools/recore/tests/report
        """.split()
    ),
    "tools": tuple(
        """
        tools/stagemaker/tests/test_doctor.py tools/recore/tests/test_doctor.py tools/recore/tests/test_new.py
        tools/recore/tests/test_template.py tools/recore/tests/test_interrupts.py
        tools/stagemaker/tests/simulator/test_temporary_folder.py tools/recore/tests/test_makefile.py
        tools/recore/tests/evaluation/test_run_folder.py tools/stagemaker/tests/simulator/test_life.py
        """.split()
    ),
    "stagemaker/container": tuple(
        """
        tools/stagemaker/tests/container tools/stagemaker/tests/conformance
        tools/stagemaker/tests/simulator/test_sagemaker_containers.py
        """.split()
    ),
    "stagemaker/api": tuple(
        """
        tools/stagemaker/tests/simulator/test_protocol.py tools/stagemaker/tests/simulator/test_service_model.py
        tools/stagemaker/tests/simulator/test_runtime.py tools/stagemaker/tests/simulator/test_http_server.py
        tools/stagemaker/tests/simulator
        """.split()
    ),
    "stagemaker/resources": tuple(
        """
        tools/stagemaker/tests/simulator/test_models_and_tags.py tools/stagemaker/tests/simulator/test_lists.py
        tools/stagemaker/tests/simulator/test_search.py tools/stagemaker/tests/simulator/test_kinds.py
        tools/stagemaker/tests/simulator/test_model_packages.py tools/stagemaker/tests/simulator
        """.split()
    ),
    "stagemaker/compute/files": tuple(
        """
        tools/stagemaker/tests/simulator/test_archives.py tools/stagemaker/tests/simulator/test_objects.py
        tools/stagemaker/tests/simulator/test_output_files.py tools/stagemaker/tests/simulator/test_processing.py
        tools/stagemaker/tests/simulator/test_training.py tools/stagemaker/tests/simulator
        """.split()
    ),
    # with servers, because they answer the invocations
    "stagemaker/compute/endpoints": tuple(
        """
        tools/stagemaker/tests/simulator/test_unix_client.py tools/stagemaker/tests/simulator/test_traffic.py
        tools/stagemaker/tests/simulator/test_metrics.py tools/stagemaker/tests/simulator/test_data_capture.py
        tools/stagemaker/tests/simulator/test_invocations.py tools/stagemaker/tests/simulator
        """.split()
    ),
    "stagemaker/isolation": tuple(
        """
        tools/stagemaker/tests/simulator/test_isolation.py tools/stagemaker/tests/simulator/test_temporary_folder.py
        tools/stagemaker/tests/simulator
        """.split()
    ),
    "stagemaker/state": tuple(
        """
        tools/stagemaker/tests/simulator/test_records.py tools/stagemaker/tests/simulator/test_state.py
        tools/stagemaker/tests/simulator/test_state_objects.py tools/stagemaker/tests/simulator/test_state_s3.py
        tools/stagemaker/tests/simulator/test_state_killed.py tools/stagemaker/tests/simulator
        """.split()
    ),
    "stagemaker/orchestration/pipelines": tuple(
        """
        tools/stagemaker/tests/simulator/test_pipeline_definitions.py tools/stagemaker/tests/simulator/test_pipelines.py
        tools/stagemaker/tests/simulator/test_pipeline_executions.py tools/stagemaker/tests/simulator
        """.split()
    ),
    "stagemaker/orchestration/tuning": tuple(
        """
        tools/stagemaker/tests/simulator/test_tuning_search.py tools/stagemaker/tests/simulator/test_tuning_requests.py
        tools/stagemaker/tests/simulator
        """.split()
    ),
    "stagemaker/images": tuple(
        """
        tools/stagemaker/tests/simulator/test_images.py tools/stagemaker/tests/simulator/test_xgboost.py
        tools/stagemaker/tests/simulator
        """.split()
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
        "window = spectra[:, edge : spectra.shape[1] - edge]",
        "window = spectra",
    ),
    Fault("scripts", "two measured rows are too few", "score.py", "if measured.sum() > 1:", "if measured.sum() > 2:"),
    Fault(
        "scripts",
        "R2 in units of the predictions' variance",
        "score.py",
        "r2[column] = 0.0 if len(wrong) else r2_score(actual[name][measured], values[measured])",
        "r2[column] = 0.0 if len(wrong) else r2_score(values[measured], actual[name][measured])",
    ),
    Fault(
        "scripts",
        "one alpha for all targets",
        "train.py",
        'ridge = MeasuredRowsRegressor(RidgeCV(strengths, alpha_per_target=True, gcv_mode="svd"))',
        'ridge = MeasuredRowsRegressor(RidgeCV(strengths, gcv_mode="svd"))',
    ),
    Fault(
        "scripts",
        "order of a request's columns ignored",
        "train.py",
        "return np.asarray(model.predict(inputs[trained]), dtype=float)",
        "return np.asarray(model.predict(inputs.set_axis(trained, axis=1)), dtype=float)",
    ),
    Fault(
        "scripts",
        "parameters of the content type refused",
        "train.py",
        'if str(content_type).partition(";")[0].strip().lower() != "text/csv":',
        'if str(content_type).strip().lower() != "text/csv":',
    ),
    Fault(
        "cli",
        "names below localhost count as remote",
        "tools/recore/src/recore/places/opening.py",
        'return host == "localhost" or host.endswith(".localhost")',
        'return host == "localhost"',
    ),
    Fault(
        "cli",
        "a common reason is explained twice",
        "tools/recore/src/recore/evaluation/kept_run.py",
        "reasons.add(step.reason)",
        "pass",
    ),
    Fault(
        "evaluation",
        "data that changed during the run accepted",
        "tools/recore/src/recore/evaluation/storage.py",
        "if self.hashes.setdefault(name, data.sha256) != data.sha256:",
        "if not self.hashes.setdefault(name, digest):",
    ),
    Fault(
        "evaluation",
        "private assays that remain are not reported",
        "tools/recore/src/recore/evaluation/private_assays.py",
        "raise StepFailed(f\"s3://{address['Bucket']}/{address['Key']} is still there: {error}\") from error",
        "return",
    ),
    Fault(
        "evaluation",
        "no wait for the end of a log",
        "tools/recore/src/recore/evaluation/job_runner.py",
        "delay = 0.0 if self.stopping.is_set() else self.services.log_delay",
        "delay = 0.0",
    ),
    Fault(
        "dataset",
        "one channel of the grid is enough",
        "tools/recore/src/recore/dataset/grids.py",
        "return places if (np.abs(wavenumbers[places] - self.wavenumbers) <= self.tolerance).all() else None",
        "return places if (np.abs(wavenumbers[places] - self.wavenumbers) <= self.tolerance).any() else None",
    ),
    Fault(
        "dataset",
        "limit of detection not halved",
        "tools/recore/src/recore/dataset/assay_table.py",
        "return content / 2",
        "return content",
    ),
    Fault(
        "dataset",
        "1_000 read as a number",
        "tools/stagemaker/src/stagemaker/text.py",
        'return float(text) if text.isascii() and "_" not in text else None',
        "return float(text) if text.isascii() else None",
    ),
    Fault(
        "stagemaker/container",
        "any type not replaced by the default",
        "tools/stagemaker/src/stagemaker/container/serving.py",
        'accept = self._accept if accept in ("", content_types.ANY) else accept',
        'accept = self._accept if accept == "" else accept',
    ),
    Fault(
        "stagemaker/container",
        "exit code of a script that a signal ended",
        "tools/stagemaker/src/stagemaker/container/script_mode.py",
        "return code if code >= 0 else 128 - code",
        "return code if code >= 0 else 128 + code",
    ),
    Fault(
        "stagemaker/container",
        "model loaded by several threads at once",
        "tools/stagemaker/src/stagemaker/container/library/sagemaker_containers/_worker.py",
        "with self._lock:",
        "if True:",
    ),
    Fault(
        "model",
        "records after one that was cut off",
        "tools/recore/src/recore/model/record_spool.py",
        "self._end_segment()  # an entry that was cut off must be the last one of its file",
        "pass",
    ),
    Fault(
        "model",
        "half a record uploaded",
        "tools/recore/src/recore/model/record_uploader.py",
        r'while (head := file.readline()).endswith(b"\n") and (body := file.readline()).endswith(b"\n"):',
        "while (head := file.readline()) and (body := file.readline()):",
    ),
    Fault(
        "model",
        "a value of 256 characters refused",
        "tools/recore/src/recore/model/hyperparameters.py",
        "if len(text) > LONGEST:",
        "if len(text) >= LONGEST:",
    ),
    Fault(
        "check",
        "missing predictions differ from each other",
        "tools/recore/src/recore/check/predictions.py",
        "same = (first == second) | (np.isnan(first) & np.isnan(second))",
        "same = first == second",
    ),
    Fault(
        "check",
        "a rule that runs keeps others from running",
        "tools/recore/src/recore/check/runner.py",
        "if code in chosen and not result.rule.runs and not result.passed:",
        "if code in chosen and not result.passed:",
    ),
    Fault(
        "check",
        "the folder of a recursive command counts as a pattern",
        "tools/recore/src/recore/check/source_rules/rc203_manifest.py",
        'patterns = words[1:] if command.startswith("recursive-") else words',
        "patterns = words",
    ),
    Fault(
        "report",
        "ampersands in text not escaped",
        "tools/recore/src/recore/report/page/html.py",
        'return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")',
        'return value.replace("<", "&lt;").replace(">", "&gt;")',
    ),
    Fault(
        "report",
        "infinite cells kept",
        "tools/recore/src/recore/spectral_data.py",
        "columns = {name: np.where(np.isfinite(values), values, np.nan) for name, values in arrays.items()}",
        "columns = arrays",
    ),
    Fault(
        "report",
        "time limit of a fit goes on",
        "tools/recore/src/recore/validation/workers.py",
        "timer.cancel()",
        "pass",
    ),
    Fault(
        "stagemaker/api",
        "answers without a request's ID",
        "tools/stagemaker/src/stagemaker/api/responses.py",
        '("x-amzn-RequestId", str(uuid.uuid4())),',
        "",
    ),
    Fault(
        "stagemaker/api",
        "no event for an empty body",
        "tools/stagemaker/src/stagemaker/api/runtime.py",
        "starts = range(0, max(len(body), 1), MAX_EVENT_BYTES)",
        "starts = range(0, len(body), MAX_EVENT_BYTES)",
    ),
    Fault(
        "stagemaker/resources",
        "one client token carried out twice",
        "tools/stagemaker/src/stagemaker/resources/client_token.py",
        "with resource.store.transaction():  "
        "# a second request with the same token waits for the response of the first",
        "if True:",
    ),
    Fault(
        "stagemaker/resources",
        "negative numbers in the opposite order",
        "tools/stagemaker/src/stagemaker/resources/paging.py",
        "sort_number = bits if bits >= 0 else -(2**63) - bits  # the bits of negative numbers have the opposite order",
        "sort_number = bits",
    ),
    Fault(
        "stagemaker/resources",
        "fifty tags refused",
        "tools/stagemaker/src/stagemaker/resources/resource.py",
        "if len(merged) > MAX_TAGS:",
        "if len(merged) >= MAX_TAGS:",
    ),
    Fault(
        "stagemaker/compute/files",
        "files through a link that an archive holds",
        "tools/stagemaker/src/stagemaker/compute/files/archives.py",
        "if any(Path(folder, place).is_symlink() for place in (Path(name), *Path(name).parents)):",
        "if Path(folder, name).is_symlink():",
    ),
    Fault(
        "stagemaker/compute/files",
        "marks of folders downloaded",
        "tools/stagemaker/src/stagemaker/compute/files/transfers.py",
        'objects = [(key, size) for key, size in items if not key.endswith("/")]',
        "objects = list(items)",
    ),
    Fault(
        "stagemaker/compute/endpoints",
        "closed connections used again",
        "tools/stagemaker/src/stagemaker/compute/servers/client.py",
        "if connection.is_open():",
        "if not self._closed:",
    ),
    Fault(
        "stagemaker/compute/endpoints",
        "invocations not told of room",
        "tools/stagemaker/src/stagemaker/compute/endpoints/data_capture.py",
        "self._written.notify_all()",
        "pass",
    ),
    Fault(
        "stagemaker/compute/endpoints",
        "no response is no error",
        "tools/stagemaker/src/stagemaker/compute/endpoints/invocation.py",
        '"Invocation5XXErrors": float(status >= 500 or status == 0),',
        '"Invocation5XXErrors": float(status >= 500),',
    ),
    Fault(
        "stagemaker/isolation",
        "paths within other paths translated",
        "tools/stagemaker/src/stagemaker/isolation/translation.py",
        r'text = re.sub(rf"(?<![\w./-]){path}", str(host_path).replace("\\", r"\\"), text)',
        "text = text.replace(job_path, str(host_path))",
    ),
    Fault(
        "stagemaker/isolation",
        "sockets in another user's folder",
        "tools/stagemaker/src/stagemaker/isolation/socket_folder.py",
        "return info.st_uid in (0, os.geteuid()) and not is_shared",
        "return not is_shared",
    ),
    Fault(
        "stagemaker/state",
        "changes lost when the machine fails",
        "tools/stagemaker/src/stagemaker/state/database.py",
        'connection.execute("PRAGMA synchronous = FULL")',
        'connection.execute("PRAGMA synchronous = NORMAL")',
    ),
    Fault(
        "stagemaker/state",
        "members that begin with a dollar",
        "tools/stagemaker/src/stagemaker/state/records.py",
        'return {f"${key}" if key.startswith("$") else key: _encode_times(item) for key, item in value.items()}',
        "return {key: _encode_times(item) for key, item in value.items()}",
    ),
    Fault(
        "stagemaker/state",
        "replaced contents stay on the disk",
        "tools/stagemaker/src/stagemaker/state/stored_objects.py",
        "self._unlink(replaced_files)",
        "pass",
    ),
    Fault(
        "stagemaker/orchestration/pipelines",
        "one retry too many",
        "tools/stagemaker/src/stagemaker/orchestration/pipelines/definitions/retries.py",
        "if self.attempts is not None and retries >= self.attempts:",
        "if self.attempts is not None and retries > self.attempts:",
    ),
    Fault(
        "stagemaker/orchestration/pipelines",
        "In needs all values",
        "tools/stagemaker/src/stagemaker/orchestration/pipelines/definitions/conditions.py",
        "return any(_holds(kind, compare, left, right) for right in others.evaluate(context))",
        "return all(_holds(kind, compare, left, right) for right in others.evaluate(context))",
    ),
    Fault(
        "stagemaker/orchestration/tuning",
        "jobs as good as the median stopped",
        "tools/stagemaker/src/stagemaker/orchestration/tuning/completion.py",
        "return value < median if maximize else value > median",
        "return value <= median if maximize else value >= median",
    ),
    Fault(
        "stagemaker/orchestration/tuning",
        "improvement of a negative objective",
        "tools/stagemaker/src/stagemaker/orchestration/tuning/completion.py",
        "if best is None or value - best > MIN_IMPROVEMENT * abs(best):",
        "if best is None or value - best > MIN_IMPROVEMENT * best:",
    ),
    Fault(
        "stagemaker/images",
        "a registry's port taken for a tag",
        "tools/stagemaker/src/stagemaker/images/family.py",
        'return image.rpartition("/")[2].partition("@")[0].partition(":")[2]',
        'return image.partition("@")[0].partition(":")[2]',
    ),
    Fault(
        "stagemaker/images",
        "only the short names of frameworks refused",
        "tools/stagemaker/src/stagemaker/images/catalogue.py",
        "if name.startswith(FRAMEWORKS):",
        "if name in FRAMEWORKS:",
    ),
    Fault(
        "tools",
        "two set-ups at the same time",
        "tools/stagemaker/src/stagemaker/installing.py",
        "fcntl.flock(lock, fcntl.LOCK_EX)",
        "pass",
    ),
    Fault(
        "tools",
        "folders of living processes removed",
        "tools/stagemaker/src/stagemaker/locked.py",
        "if lock.held:",
        "if left.is_dir():",
    ),
    Fault(
        "tools",
        "requirements with a condition counted",
        "tools/stagemaker/src/stagemaker/installation.py",
        'if match and ";" not in line and "@" not in line:',
        'if match and "@" not in line:',
    ),
    Fault(
        "tools",
        "a new submission in place of a link",
        "tools/recore/src/recore/template/new_submission.py",
        "if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):",
        "if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):",
    ),
)
