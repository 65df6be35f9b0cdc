"""Whether this machine has a Docker image."""


def has_docker_image(image: str) -> bool:
    """Return whether a Docker engine answers that has an image."""
    try:
        from stagemaker import docker_client, image_exists

        with docker_client() as engine:
            return image_exists(engine, image)
    except (ModuleNotFoundError, OSError):
        return False
