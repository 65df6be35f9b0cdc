"""How long a round of submissions takes and what it costs, by how many run at a time: a model, not a measurement.

    python tools/recore/benchmarks/fleet.py --submissions 400 --price 0.23

Each submission is one training and, public and private side by side, two jobs each of preprocessing, prediction and
scoring, and the score of held-out rows. SageMaker bills each job from the start of its instance to its end; every job
starts an instance of its own, which takes some minutes in which nothing is billed. On one machine of one's own no
instance starts, and the machine is paid for all the time. Submissions are distributed to free places in their order.
"""

import argparse
import heapq

TRAININGS = (1.0, 5.0, 20.0, 60.0)  # minutes
PLACES = (1, 10, 50)
JOBS_OF_A_SIDE = 3  # preprocess, predict, score, one after the other
SIDES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=400, help="(%(default)s)")
    parser.add_argument("--price", type=float, default=0.23, help="of an instance, dollars an hour (%(default)s)")
    parser.add_argument("--machine-price", type=float, default=0.19, help="of a machine of one's own (%(default)s)")
    parser.add_argument("--start", type=float, default=3.0, help="minutes until an instance has started (%(default)s)")
    parser.add_argument("--step", type=float, default=1.0, help="minutes of a job besides the training (%(default)s)")
    arguments = parser.parse_args()
    print("| training | at a time | SageMaker, hours | cost | one's own machines, hours | cost |")
    print("|---:|---:|---:|---:|---:|---:|")
    for training in TRAININGS:
        for places in PLACES:
            aws = hours(arguments.submissions, places, training, arguments.start, arguments.step)
            own = hours(arguments.submissions, places, training, 0.0, arguments.step)
            billed = arguments.submissions * billed_minutes(training, arguments.step) / 60
            cells = (
                f"{training:g} min",
                places,
                f"{aws:.1f}",
                f"${billed * arguments.price:,.0f}",
                f"{own:.1f}",
                f"${own * places * arguments.machine_price:,.0f}",
            )
            print(f"| {' | '.join(map(str, cells))} |")


def elapsed_minutes(training: float, start: float, step: float) -> float:
    """From the start of a submission to its end: the sides run at the same time."""
    return start + training + JOBS_OF_A_SIDE * (start + step)


def billed_minutes(training: float, step: float) -> float:
    """Of all jobs of a submission; the last is the score of held-out rows."""
    return training + (SIDES * JOBS_OF_A_SIDE + 1) * step


def hours(submissions: int, places: int, training: float, start: float, step: float) -> float:
    """The hours until the last submission has ended."""
    free = [0.0] * places
    for _ in range(submissions):
        heapq.heappush(free, heapq.heappop(free) + elapsed_minutes(training, start, step))
    return max(free) / 60


if __name__ == "__main__":
    main()
