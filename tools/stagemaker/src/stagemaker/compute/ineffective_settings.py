"""Job settings that are accepted but have no effect here. A job's log contains a line about each of them."""

from typing import Any

from stagemaker.state.records import Record

# by reason: the settings, each of them a kind of job and the path of a member
UNUSED_SETTINGS = {
    "spot instances are never interrupted, and do not reduce costs": "training.EnableManagedSpotTraining",
    "checkpoints are not copied to or from S3; the job starts from the beginning": "training.CheckpointConfig",
    "jobs are not connected to a VPC": "training.VpcConfig processing.NetworkConfig.VpcConfig",
    "a job has only one container": "training.EnableInterContainerTrafficEncryption "
    "processing.NetworkConfig.EnableInterContainerTrafficEncryption",
    "outputs are not encrypted": "training.OutputDataConfig.KmsKeyId processing.ProcessingOutputConfig.KmsKeyId "
    "transform.TransformOutput.KmsKeyId",
    "the volume is not encrypted": "training.ResourceConfig.VolumeKmsKeyId "
    "processing.ProcessingResources.ClusterConfig.VolumeKmsKeyId transform.TransformResources.VolumeKmsKeyId",
    "warm pools are terminated when the job ends": "training.ResourceConfig.KeepAlivePeriodInSeconds",
    "jobs wait for a free CPU core without a time limit": "training.StoppingCondition.MaxPendingTimeInSeconds",
    "failed jobs are not retried": "training.RetryStrategy",
    "the debugger is not simulated": "training.DebugHookConfig training.DebugRuleConfigurations",
    "TensorBoard is not simulated": "training.TensorBoardOutputConfig",
    "the profiler is not simulated": "training.ProfilerConfig training.ProfilerRuleConfigurations",
    "remote debugging is not simulated": "training.RemoteDebugConfig",
    "instance health checks are not simulated": "training.InfraCheckConfig",
    "session tags are not simulated": "training.SessionChainingConfig",
}
GPU_PREFIXES = ("p", "g")  # prefixes of the instance families that have GPUs


def ineffective_setting_lines(kind: str, record: Record) -> list[str]:
    """Return a line for each job setting that has no effect. kind: training, processing or transform."""
    lines = []
    for reason, settings in UNUSED_SETTINGS.items():
        names = [setting.removeprefix(f"{kind}.") for setting in settings.split() if setting.startswith(f"{kind}.")]
        lines += [f"{name} has no effect here: {reason}." for name in names if _value(record, name)]
    instance_type = _value(record, "ResourceConfig.InstanceType")
    if instance_type and instance_type.split(".")[1].startswith(GPU_PREFIXES):
        lines.append(f"{instance_type} has no GPUs here: the job runs on CPUs.")
    return lines


def _value(record: Record, name: str) -> Any:
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
