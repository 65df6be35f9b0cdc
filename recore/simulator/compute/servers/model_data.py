"""Reads where the model of a container is on S3: from ModelDataUrl or ModelDataSource."""

from dataclasses import dataclass

from recore.simulator.state.records import Record


@dataclass(frozen=True)
class ModelData:
    """uri: of an archive of what /opt/ml/model is to hold; or, where it is not packed, of the objects themselves."""

    uri: str
    packed: bool


def model_data(container: Record) -> ModelData | None:
    """The model of a container of a Model record; None if it names none. Raises ValueError if it is refused."""
    if "ModelDataSource" not in container:
        return ModelData(container["ModelDataUrl"], True) if "ModelDataUrl" in container else None
    if "ModelDataUrl" in container:
        raise ValueError("A container has either a ModelDataUrl or a ModelDataSource")
    source = container["ModelDataSource"].get("S3DataSource")
    if source is None:
        raise ValueError("ModelDataSource: an S3DataSource is needed")
    if refused := [member for member in ("HubAccessConfig", "ManifestS3Uri") if member in source]:
        raise ValueError(f"ModelDataSource: {refused[0]} is not simulated")
    is_prefix, packed = source["S3DataType"] == "S3Prefix", source["CompressionType"] == "Gzip"
    if is_prefix and packed:
        raise ValueError("ModelDataSource: an S3Prefix is read here with CompressionType None only")
    if is_prefix != source["S3Uri"].endswith("/"):
        raise ValueError("ModelDataSource: the S3Uri of an S3Prefix must end with '/', that of an S3Object must not")
    return ModelData(source["S3Uri"], packed)
