"""ML2P's daily work: a project's datasets, training jobs, models and endpoints, by its project file and plain boto3."""
