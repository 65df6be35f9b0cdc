"""Calculate (not measure) the duration and cost of a round, by the number of submissions that run in parallel.

    python tools/recore/benchmarks/fleet.py --submissions 400 --price 0.23

Each submission has a training job; preprocessing, prediction and scoring jobs for public and for private data, which
run in parallel; and a job that scores held-out rows. On SageMaker, each job starts a separate instance, which takes
some minutes that are not billed; the rest of the job is billed. Your own machines need no starting, and are paid for
during the entire round. Submissions are assigned to free slots in order.
"""

import argparse
import heapq

TRAININGS = (1.0, 5.0, 20.0, 60.0)  # minutes
SLOTS = (1, 10, 50)
JOBS_PER_SPLIT = 3  # preprocess, predict, score, one after the other
SPLITS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=400, help="(%(default)s)")
    parser.add_argument("--price", type=float, default=0.23, help="price of an instance, $/h (%(default)s)")
    parser.add_argument("--machine-price", type=float, default=0.19, help="price of your machine, $/h (%(default)s)")
    parser.add_argument("--start", type=float, default=3.0, help="minutes to start an instance (%(default)s)")
    parser.add_argument("--step", type=float, default=1.0, help="minutes per job other than training (%(default)s)")
    arguments = parser.parse_args()
    print("| training | at a time | SageMaker, hours | cost | own machines, hours | cost |")
    print("|---:|---:|---:|---:|---:|---:|")
    for training in TRAININGS:
        for slots in SLOTS:
            aws = hours(arguments.submissions, slots, training, arguments.start, arguments.step)
            local = hours(arguments.submissions, slots, training, 0.0, arguments.step)
            billed = arguments.submissions * billed_minutes(training, arguments.step) / 60
            cells = (
                f"{training:g} min",
                slots,
                f"{aws:.1f}",
                f"${billed * arguments.price:,.0f}",
                f"{local:.1f}",
                f"${local * slots * arguments.machine_price:,.0f}",
            )
            print(f"| {' | '.join(map(str, cells))} |")


def elapsed_minutes(training: float, start: float, step: float) -> float:
    """Return the minutes that a submission takes. Its jobs for public and private data run in parallel."""
    return start + training + JOBS_PER_SPLIT * (start + step)


def billed_minutes(training: float, step: float) -> float:
    """Return the billed minutes of all jobs of a submission, including the job that scores held-out rows."""
    return training + (SPLITS * JOBS_PER_SPLIT + 1) * step


def hours(submissions: int, slots: int, training: float, start: float, step: float) -> float:
    """Return the hours until the last submission is completed."""
    free = [0.0] * slots
    for _ in range(submissions):
        heapq.heappush(free, heapq.heappop(free) + elapsed_minutes(training, start, step))
    return max(free) / 60


if __name__ == "__main__":
    main()
