"""Several instances of a model, each a chain of its own, that share work."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from recore.simulator.serving.chain import Chain


def share_out[Item](
    chains: Sequence[Chain], items: Iterable[Item], work: Callable[[Chain, Iterator[Item], Callable[[], bool]], None]
) -> None:
    """Start the chains, and have each take the next item whenever it has finished one. Returns when all are stopped.

    work: called for each chain with the items that it takes, which end where another chain's work has failed, and a
    function that says whether that is so. Raises the first failure of all.
    """
    waiting, failed = deque(items), threading.Event()
    failures: list[BaseException] = []

    def left() -> Iterator[Item]:
        while not failed.is_set():
            try:
                yield waiting.popleft()
            except IndexError:
                return

    def serve(chain: Chain) -> None:
        try:
            with chain:
                chain.wait_until_ready()
                work(chain, left(), failed.is_set)
        except BaseException as error:
            failures.append(error)
            failed.set()

    with ThreadPoolExecutor(len(chains), thread_name_prefix="instance") as pool:
        list(pool.map(serve, chains))
    if failures:
        raise failures[0]
