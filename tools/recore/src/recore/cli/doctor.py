"""`recore doctor`."""

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor(as_json: bool) -> None:
    """Check whether this machine has what `recore run` needs.

    The checks do not use the network. Each one says what a missing component costs and how to install it here.
    `ok`: present; `note`: missing, but `recore run` works without it; `fail`: `recore run` cannot work.

    Exit status: 0 `recore run` can work, 1 it cannot.

    \b
    Example:
      python -m recore doctor
      python -m recore doctor --json
    """
    from recore.doctor import check_up
    from stagemaker.doctor import show_checks

    raise SystemExit(show_checks(check_up(), "recore run", as_json))
