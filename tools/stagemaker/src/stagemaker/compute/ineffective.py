"""Job settings that are accepted but have no effect here. A job's log contains a line about each one."""

from typing import Any

from stagemaker.state.records import Record

TRAINING = {
    "EnableManagedSpotTraining": "the job is never interrupted and costs nothing",
    "CheckpointConfig": "checkpoints are not copied to or from S3: the job starts from the beginning",
    "VpcConfig": "there is no network",
    "EnableInterContainerTrafficEncryption": "there is only one container",
    "OutputDataConfig.KmsKeyId": "outputs are not encrypted",
    "ResourceConfig.VolumeKmsKeyId": "the volume is not encrypted",
    "ResourceConfig.KeepAlivePeriodInSeconds": "no instance is kept for the next job",
    "StoppingCondition.MaxPendingTimeInSeconds": "a job waits until a processor is free",
    "RetryStrategy": "a job that fails is not repeated",
    "DebugHookConfig": "the debugger is not simulated",
    "DebugRuleConfigurations": "the debugger is not simulated",
    "TensorBoardOutputConfig": "TensorBoard is not simulated",
    "ProfilerConfig": "the profiler is not simulated",
    "ProfilerRuleConfigurations": "the profiler is not simulated",
    "ExperimentConfig": "experiments are not simulated",
    "RemoteDebugConfig": "nothing can connect to the job",
    "InfraCheckConfig": "there are no instance health checks",
    "SessionChainingConfig": "session tags are not simulated",
}
PROCESSING = {
    "NetworkConfig.VpcConfig": "there is no network",
    "NetworkConfig.EnableInterContainerTrafficEncryption": "there is only one container",
    "ProcessingOutputConfig.KmsKeyId": "outputs are not encrypted",
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId": "the volume is not encrypted",
    "ExperimentConfig": "experiments are not simulated",
}
TRANSFORM = {
    "TransformOutput.KmsKeyId": "outputs are not encrypted",
    "TransformResources.VolumeKmsKeyId": "the volume is not encrypted",
    "ExperimentConfig": "experiments are not simulated",
}
GPU_PREFIXES = ("p", "g")  # prefixes of the instance families that have GPUs


def ineffective_setting_lines(record: Record, settings: dict[str, str] = TRAINING) -> list[str]:
    lines = [f"{name} has no effect here: {reason}." for name, reason in settings.items() if _value(record, name)]
    instance_type = _value(record, "ResourceConfig.InstanceType")
    if instance_type and instance_type.split(".")[1].startswith(GPU_PREFIXES):
        lines.append(f"{instance_type} has no GPUs here: the job runs on CPUs.")
    return lines


def ineffective_table() -> str:
    """Return the list of all ineffective settings for tools/stagemaker/docs/operations.md."""
    jobs = {"training": TRAINING, "processing": PROCESSING, "transform": TRANSFORM}
    settings = [(f"{job} `{name}`", reason) for job, named in jobs.items() for name, reason in named.items()]
    reasons = dict.fromkeys(reason for _, reason in settings)
    return "\n".join(
        f"- {reason}: {', '.join(name for name, each in settings if each == reason)}" for reason in reasons
    )


def _value(record: Record, name: str) -> Any:
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
