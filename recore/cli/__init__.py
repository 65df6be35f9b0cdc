"""The command line: every command is parsed here, calls a room, and prints."""

from typing import Any

import click

from recore.cli.doctor import doctor
from recore.cli.explore import explore
from recore.cli.import_ import import_
from recore.cli.new import new
from recore.cli.report import report
from recore.cli.run import run
from recore.cli.sample import sample
from recore.cli.scores import board, scores
from recore.cli.simulate import simulate
from recore.cli.validate import validate
from recore.pipeline.text import plain


class OneLineErrors(click.Group):
    """A group whose commands say in one line what was wrong with an input; --debug gives the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            if ctx.params["debug"]:
                raise
            click.echo(f"recore: {plain(str(error), 2000)}", err=True)
            ctx.exit(2)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if ctx.params["debug"] or package == "recore":
                raise
            command = "make setup-docker" if package == "docker" else "make setup"
            click.echo(f"recore: the Python package `{package}` is not installed: `{command}` installs it", err=True)
            ctx.exit(2)


@click.group(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Predict drill-core assays from FTIR spectra: the challenge around a submission.

    Exit status: 0 it worked, 1 the answer is no, 2 wrong use or wrong input.
    """


for command in (sample, import_, new, explore, validate, run, report, scores, board, simulate, doctor):
    main.add_command(command)
