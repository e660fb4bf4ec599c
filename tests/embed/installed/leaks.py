"""Which Python objects libproxyfuse over the demo trio still holds of requests that are over.

leaks.py LIBRARY DEMO ROUNDS: prints JSON, how many more there are of each type after so many rounds
of requests that end in every way there is through C, and again after as many: what is held for good
grows both times, a forward that was recorded late does not.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from collections import Counter
from collections.abc import Iterator

from host import HEARD, Lib, good, opened

QUEUE_FULL = 11
MOST = 12  # requests at once
DEAF = HEARD(lambda *_: None)

Fields = dict[str, str]
GREEDY: Fields = {"temperature": "0"}


def census() -> Counter[type | str]:
    """Objects by type, of those that the collector knows; and blocks of memory.

    Types are named later: many a name is a string of its own, which would be counted.
    """
    gc.collect()
    counts: Counter[type | str] = Counter(map(type, gc.get_objects()))
    counts["blocks"] = sys.getallocatedblocks()
    return counts


def kinds(number: int) -> Iterator[tuple[Fields, list[int]]]:
    """Fields and the ids of the prompt: finished in every way, then refused in every way.

    A number's tokens are the same every time, the unseeded one's by its bias: how a token is
    spelt is kept from its first time on, which would look like a leak for hundreds of rounds.
    """
    prompt = [1 + number % 200, 17, 18]
    unseeded: Fields = {"temperature": str(1 + number), "max_tokens": "3", "ignore_eos": "true"}
    own = unseeded | {"seed": str(number)}
    yield unseeded | {"logit_bias": f"{number % 100}=1000000"}, prompt
    yield own | {"n": "3", "logprobs": "2"}, prompt
    yield own | {"prompt_logprobs": "1", "stop": "e"}, prompt
    yield own | {"repetition_penalty": "1.5", "logit_bias": f"{number % 100}=1"}, prompt
    yield own | GREEDY | {"max_tokens": "12"}, prompt
    yield own | {"stop_token_ids": "2147483647"}, prompt
    yield own, [2147483647]
    yield own, [1] * 2000
    yield own, []


def submit(engine: ctypes.c_void_p, fields: Fields, ids: list[int]) -> int | None:
    """The number of the request, or none where the queue is full."""
    request, number = ctypes.c_void_p(), ctypes.c_uint64()
    good(Lib.proxyfuse_request_create(ctypes.byref(request)))
    array = (ctypes.c_int32 * len(ids))(*ids)
    good(Lib.proxyfuse_request_ids(request, 0, array, ctypes.c_size_t(len(ids))))
    for name, value in fields.items():
        good(Lib.proxyfuse_request_set(request, name.encode(), value.encode()))
    status = Lib.proxyfuse_submit(engine, request, DEAF, None, ctypes.byref(number))
    Lib.proxyfuse_request_destroy(request)
    if status == QUEUE_FULL:
        return None
    good(status)
    return number.value


def one_of_each(engine: ctypes.c_void_p, number: int) -> None:
    """All kinds at once; one that is cancelled; and more until the queue is full."""
    numbers = [submit(engine, *kind) for kind in kinds(number)]
    endless = submit(engine, GREEDY | {"max_tokens": "500", "ignore_eos": "true"}, [5])
    Lib.proxyfuse_cancel(engine, ctypes.c_uint64(endless))
    while (more := submit(engine, GREEDY | {"max_tokens": "1"}, [5])) is not None:
        numbers.append(more)
    for one in (*numbers, endless):
        good(Lib.proxyfuse_await(engine, ctypes.c_uint64(one), ctypes.c_int64(60_000)))


def grown(engine: ctypes.c_void_p, rounds: int) -> Counter[type | str]:
    """How many more there are after so many rounds."""
    before = census()
    for number in range(rounds):
        one_of_each(engine, number)
    return census() - before


def main() -> None:
    rounds = int(sys.argv[3])
    small = {"max_pending": str(MOST), "kv_cache_bytes": str(1 << 19), "num_threads": "1"}
    small |= {"speculate": "0", "max_num_seqs": "2"}  # few shapes to record forwards of
    engine = opened(Lib, **small)
    grown(engine, rounds)  # what is filled once
    twice = grown(engine, rounds) & grown(engine, rounds)
    json.dump({str(name): more for name, more in twice.items()}, sys.stdout)
    Lib.proxyfuse_engine_destroy(engine)


main()
