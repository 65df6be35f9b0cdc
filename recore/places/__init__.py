"""Where the AWS calls go: the embedded simulator, as processes or in Docker, another endpoint, or AWS."""
