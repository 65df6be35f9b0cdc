"""Shares work among several instances of a model, each with a chain of its own."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from recore.simulator.compute.job import Job
from recore.simulator.compute.servers.chain import Chain


def share_out[Item](
    job: Job, chains: Sequence[Chain], items: Iterable[Item], work: Callable[[Chain, Iterator[Item]], None]
) -> None:
    """Start the chains, and have each take the next item whenever it has finished one. Returns when all are stopped.

    work: called for each chain with the items that it takes. Where one fails the job is killed, so that the others end
    at once, even those that are still starting. Raises the first failure.
    """
    waiting = deque(items)
    failures: list[BaseException] = []

    def left() -> Iterator[Item]:
        while True:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            yield item

    def serve(chain: Chain) -> None:
        try:
            with chain:
                chain.wait_until_ready()
                work(chain, left())
        except BaseException as error:
            failures.append(error)
            job.kill()

    with ThreadPoolExecutor(len(chains), thread_name_prefix="instance") as pool:
        list(pool.map(serve, chains))
    if failures:
        raise failures[0]
