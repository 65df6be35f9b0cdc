"""Warm start: reuse the results of a tuning job's parents."""

from typing import TYPE_CHECKING

from stagemaker.orchestration.tuning.definitions import Definition, read_definitions
from stagemaker.orchestration.tuning.trials import Trial, sort_by_end_time, trials_of
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.state.records import Record, Store, StoredRecord

if TYPE_CHECKING:
    from stagemaker.orchestration.tuning.search import Search  # Optuna takes most of a second to import

TUNING_JOB = "HyperParameterTuningJob"
IDENTICAL_DATA = "IdenticalDataAndAlgorithm"
TRANSFERRED_JOBS = 3  # the number of each parent's best jobs whose values TransferLearning tries first


def check_warm_start(store: Store, record: Record) -> None:
    """Raise ServiceError if a tuning job cannot start from its parents."""
    if "WarmStartConfig" not in record:
        return
    parents = record["WarmStartConfig"]["ParentHyperParameterTuningJobs"]
    names = [parent.get(f"{TUNING_JOB}Name", "") for parent in parents]
    if len(set(names)) < len(names):
        raise _warm_start_error("a parent is listed twice")
    if (strategy := record["HyperParameterTuningJobConfig"]["Strategy"]) not in ("Bayesian", "Random"):
        raise _warm_start_error(f"warm start is not simulated for the strategy {strategy}; choose Bayesian or Random")
    definitions = read_definitions(record)
    if len(definitions) > 1:
        raise _warm_start_error("warm start is not simulated with several TrainingJobDefinitions")
    for name in names:
        parent = store.get(TUNING_JOB, name)
        if parent is None:
            raise _warm_start_error(f"could not find hyper parameter tuning job '{name}'")
        if parent[f"{TUNING_JOB}Status"] in ("InProgress", "Stopping"):
            raise _warm_start_error(f"'{name}' is in status {parent[f'{TUNING_JOB}Status']}; wait until it has ended")
        is_identical = record["WarmStartConfig"]["WarmStartType"] == IDENTICAL_DATA
        if problem := _find_difference(definitions[0], read_definitions(parent), is_identical):
            raise _warm_start_error(f"'{name}' {problem}")


def warm_start(store: Store, record: StoredRecord, search: "Search") -> list[dict[str, str]]:
    """Add the parents' comparable results to a search. Return the hyperparameter values to try first.

    With IdenticalDataAndAlgorithm, the parents' results count like the tuning job's own results. With TransferLearning,
    the results are not comparable, but the parents' best values are tried first.
    """
    initial_values: list[dict[str, str]] = []
    for parent in _parents(store, record):
        trials = sort_by_end_time(trials_of(store, parent))
        if record["WarmStartConfig"]["WarmStartType"] == IDENTICAL_DATA:
            for trial in trials:
                search.learn(_settings(trial), trial.objective or 0.0)
        else:
            sorted_trials = sorted(trials, key=lambda trial: trial.objective or 0.0)
            if trials and trials[0].record["ObjectiveType"] == "Maximize":
                sorted_trials.reverse()
            initial_values += [_settings(trial) for trial in sorted_trials[:TRANSFERRED_JOBS]]
    return initial_values


def comparable_trials(store: Store, record: StoredRecord) -> list[Trial]:
    """Return the parents' trials whose objectives are comparable with the tuning job's objectives."""
    if record.get("WarmStartConfig", {}).get("WarmStartType") != IDENTICAL_DATA:
        return []
    return [trial for parent in _parents(store, record) for trial in trials_of(store, parent)]


def _parents(store: Store, record: Record) -> list[StoredRecord]:
    parents = record.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    records = [store.get(TUNING_JOB, parent[f"{TUNING_JOB}Name"]) for parent in parents]
    return [parent for parent in records if parent]


def _settings(trial: Trial) -> dict[str, str]:
    """Return all hyperparameters of a training job, because static ones may have ranges in the new tuning job."""
    return dict((trial.job or {}).get("HyperParameters", {}))


def _find_difference(definition: Definition, parent_definitions: list[Definition], is_identical: bool) -> str | None:
    if len(parent_definitions) > 1:
        return "has several TrainingJobDefinitions, for which warm start is not simulated"
    [parent] = parent_definitions
    if (parent.metric, parent.maximize) != (definition.metric, definition.maximize):
        return "has a different objective; a warm start requires the same MetricName and Type"
    if not is_identical:
        return None
    images = (item.request["AlgorithmSpecification"].get("TrainingImage") for item in (parent, definition))
    if len({*images}) > 1 or parent.request.get("InputDataConfig") != definition.request.get("InputDataConfig"):
        return "has a different TrainingImage or InputDataConfig; use the WarmStartType TransferLearning"
    counts = [len(item.ranges) + len(item.settings) for item in (parent, definition)]
    if counts[0] != counts[1]:
        return (
            f"has a different number of hyperparameters, {counts[0]} instead of {counts[1]}; "
            "use the WarmStartType TransferLearning"
        )
    return None


def _warm_start_error(message: str) -> ServiceError:
    return ValidationException(f"WarmStartConfig: {message}")
