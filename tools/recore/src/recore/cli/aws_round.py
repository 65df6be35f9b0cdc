"""The options, the cost estimate and the confirmation of `recore judge --engine aws`."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from recore.cli.common import FiniteNumber, add_options, ask, show_line
from recore.listing import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recore.backends import Backend
    from recore.evaluation import Bound, Entry, Round, WheelHouse

PRICE = 0.23  # dollars per hour for ml.m5.xlarge in us-east-1
PATIENCE = 6 * 3600.0  # seconds that a job may wait until the account's quotas allow it

aws_options = add_options(
    click.option("--role", help="AWS: ARN of the role for the submissions' jobs."),
    click.option("--scoring-role", help="AWS: ARN of the role for scoring jobs, which may read the assays."),
    click.option("--bucket", help="AWS: bucket for the files of the round."),
    click.option("--image", help="AWS: container image.  [default: AWS's scikit-learn 1.9-0]"),
    click.option("--price", type=FiniteNumber(0), help=f"AWS: dollars per instance-hour.  [default: {PRICE}]"),
    click.option("--at-most", type=FiniteNumber(0), help="AWS: maximum cost of a round in dollars."),
    click.option("--yes", is_flag=True, help="AWS: start the jobs without confirmation."),
    click.option("--print-policies", is_flag=True, help="AWS: print the policies of both roles and exit."),
)


@dataclass(frozen=True)
class AwsRound:
    """The options for a round on AWS."""

    role: str | None
    scoring_role: str | None
    bucket: str | None
    image: str | None
    price: float | None
    at_most: float | None
    yes: bool

    def __post_init__(self) -> None:
        if self.role and self.role == self.scoring_role:
            raise click.UsageError("--scoring-role must differ from --role; see --print-policies")

    @property
    def backend_settings(self) -> dict[str, Any]:
        """The settings of the backend that are specific to AWS."""
        roles = {"role": self.role, "scoring_role": self.scoring_role}
        return roles | {"bucket": self.bucket, "image": self.image, "patience": PATIENCE}

    def stop_leftovers(self, this_round: "Round", backend: "Backend") -> None:
        """Stop the jobs and remove the objects that an earlier call left. Raises ClickException if some remain."""
        from botocore.exceptions import BotoCoreError, ClientError

        from recore.evaluation import StepFailed, stop_leftovers

        name = f"recore-{this_round.make_settings(backend, wheels=None).round_id}-"
        try:
            n_stopped, n_removed = stop_leftovers(backend.services, backend.bucket, name)
        except (StepFailed, ClientError, BotoCoreError) as error:
            reason = f"jobs or objects of an earlier call could not be removed: {error}; repeat the command"
            raise click.ClickException(reason) from None
        if n_stopped or n_removed:
            stopped = f"stopped {count(n_stopped, 'job')} and removed {count(n_removed, 'object')}"
            show_line(f"aws: {stopped} from an earlier call")

    def prepare(self, this_round: "Round", backend: "Backend", to_run: "Sequence[Entry]", jobs: int) -> "WheelHouse":
        """Print the round's maximum cost, and ask for confirmation.

        Return the source of the packages that submissions require. Raises UsageError if the options do not allow the
        round, and Abort if the user declines.
        """
        from recore.evaluation import WheelHouse, count_instances

        if backend.endpoint == "AWS" and not self.scoring_role:
            raise click.UsageError("--engine aws also needs --scoring-role; --print-policies prints both policies")
        settings = this_round.make_settings(backend, wheels=None)
        seconds = this_round.seconds
        bound, tied_bound = self._costs(seconds, len(to_run), entries=to_run), self._costs(seconds, tied=1)
        roles = f"role {backend.role}, scoring {self.scoring_role}"
        show_line(f"aws: region {backend.region}, bucket {backend.bucket}, {roles}")
        run_counts = f"{len(to_run)} to run, {min(jobs, len(to_run))} at a time"
        show_line(f"aws: {run_counts}: {_format_bound(bound)}, if every job uses its entire time limit")
        tied = "for each submission with a tied private or doubtful held-out score, to recompute its held-out score"
        show_line(f"aws: plus {_format_bound(tied_bound)}, {tied}")
        for line in _format_quotas(settings, count_instances(len(to_run), jobs)):
            show_line(f"aws: {line}")
        if self.at_most is not None and bound.dollars > self.at_most:
            raise click.UsageError(
                f"the round could cost ${bound.dollars:,.2f}, more than --at-most {self.at_most:g}; judge part of "
                "the submissions with --share, or set a shorter --time-limit"
            )
        if not self.yes and not ask("Start these jobs?"):
            raise click.Abort
        folder = this_round.folder / ".packages"
        return WheelHouse(backend.services, settings, folder, lambda line: show_line(f"aws: {line}"))

    def allows_recomputing(self, seconds: int, ran: "Sequence[Entry]", tied: "Sequence[Entry]") -> bool:
        """Return whether running `ran` and recomputing the held-out scores of `tied` stays within --at-most."""
        return self.at_most is None or self._costs(seconds, len(ran), len(tied), [*ran, *tied]).dollars <= self.at_most

    def _costs(self, seconds: int, submissions: int = 0, tied: int = 0, entries: "Sequence[Entry]" = ()) -> "Bound":
        """Return the maximum cost of running submissions and breaking ties. entries: all that may need packages."""
        from recore.evaluation import bound_costs, count_package_lists
        from recore.validation import FOLDS

        lists = count_package_lists(entry.files.files for entry in entries if entry.files)
        price = PRICE if self.price is None else self.price
        return bound_costs(seconds, price, submissions=submissions, tied=tied, folds=FOLDS, package_lists=lists)


def _format_bound(bound: "Bound") -> str:
    return f"at most {bound.hours:,.0f} instance-hours, ${bound.dollars:,.0f}"


def _format_quotas(settings: Any, at_a_time: dict[str, int]) -> list[str]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from recore.evaluation import read_quotas

    try:
        quotas = read_quotas(boto3.client("service-quotas"), settings)
    except (ClientError, BotoCoreError) as error:
        return [f"the account's quotas could not be read ({type(error).__name__}); jobs may wait for quota"]
    lines = []
    for kind, used in at_a_time.items():
        quota = f"{quotas[kind]:.0f}" if kind in quotas else "not listed"
        lines.append(
            f"{getattr(settings, kind).type} for {kind}: up to {used} at a time; the account's quota is {quota}"
        )
    return lines


def show_policies(bucket: str | None) -> None:
    """Print the policies of both roles, each under its name."""
    from recore.evaluation import make_policies

    for name, policy in make_policies(bucket or "BUCKET").items():
        click.echo(f"# {name}\n{json.dumps(policy, indent=2)}\n")
