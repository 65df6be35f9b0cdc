"""`recore ml2p repo` and `recore ml2p notebook`: ML2P's commands that nothing here stands in for."""

import click

ANYTHING = {"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}


@click.command(context_settings=ANYTHING)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def notebook(words: tuple[str, ...]) -> None:
    """Refused: only AWS has notebook instances.

    \b
    Instead:
      python -m recore ml2p training-job download houses-1-0 local
      aws sagemaker create-notebook-instance help
    """
    raise ValueError(
        "notebook: the simulator has no notebook instances, which only AWS has. Use LocalEnv to work with a job's data "
        "and model in a notebook on this machine, or use `aws sagemaker create-notebook-instance`"
    )


@click.command(context_settings=ANYTHING)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def repo(words: tuple[str, ...]) -> None:
    """Refused: only notebook instances use code repositories.

    \b
    Instead:
      aws sagemaker list-code-repositories
    """
    raise ValueError(
        "repo: the simulator has no code repositories, which belong to AWS's notebook instances: use "
        "`aws sagemaker list-code-repositories` instead"
    )
