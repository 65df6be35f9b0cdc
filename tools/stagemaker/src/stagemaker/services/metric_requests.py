"""CloudWatch's limits on requests for data points; moto itself tries every period between any two times."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

MAX_STATISTICS_POINTS = 1440  # of GetMetricStatistics
MAX_DATA_POINTS = 100_800  # of GetMetricData, all queries together
TOO_MANY = (
    "You have requested up to {} datapoints, which exceeds the limit of {}. You may reduce the datapoints requested by "
    "increasing Period, or decreasing the time range."
)


def find_period_problem(period: Any) -> str | None:
    """Return the problem of an invalid period, or None."""
    if not isinstance(period, int) or period < 1 or (period % 60 and period not in (1, 5, 10, 20, 30)):
        return f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {str(period)[:20]}."
    return None


def find_problem(periods: Iterable[int], start: datetime.datetime, end: datetime.datetime, limit: int) -> str | None:
    """Return why a request is rejected that asks for data points of these periods, or None."""
    seconds = (end - start).total_seconds()
    count = sum(int(-(-seconds // period)) for period in periods)
    return TOO_MANY.format(count, limit) if count > limit else None


def find_query_problem(
    queries: Iterable[Mapping[str, Any]], start: datetime.datetime, end: datetime.datetime
) -> str | None:
    """Return the problem of an invalid request of GetMetricData, or None."""
    if start >= end:
        return "The parameter EndTime must be greater than StartTime."
    periods = [
        period_of(query) for query in queries if "MetricStat" in query or query["Expression"].startswith("SELECT")
    ]
    problem = next(filter(None, map(find_period_problem, periods)), None)
    return problem or find_problem(periods, start, end, MAX_DATA_POINTS)


def period_of(query: Mapping[str, Any]) -> Any:
    """Return the period of a query of GetMetricData."""
    return query["MetricStat"].get("Period") if "MetricStat" in query else query.get("Period")
