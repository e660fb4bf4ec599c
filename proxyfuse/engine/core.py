"""The engine: plan, launch, settle. One thread at a time may touch it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import perf_counter

from proxyfuse.engine.failures import kind_of, named
from proxyfuse.engine.outputs import CompletionOutput, Metrics, RequestOutput
from proxyfuse.engine.request import Request
from proxyfuse.engine.sequences import SequenceMaker
from proxyfuse.engine.writing import Ending, Writing
from proxyfuse.plan import Sample
from proxyfuse.runner.draws import Flight, Landed
from proxyfuse.runner.runner import Runner
from proxyfuse.scheduler import Scheduler
from proxyfuse.sequence import Sequence
from proxyfuse.speculation import Speculator

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Running:
    """A request inside the engine: its continuations, finished or not."""

    request: Request
    writings: list[Writing]

    @property
    def finished(self) -> bool:
        """Whether every continuation has ended."""
        return all(writing.ending is not None for writing in self.writings)


class Engine:
    """Runs requests to their end; every output leaves through its request's sink."""

    def __init__(
        self,
        scheduler: Scheduler,
        runner: Runner,
        maker: SequenceMaker,
        speculator: Speculator,
    ) -> None:
        self._scheduler = scheduler
        self._speculator = speculator
        self._runner = runner
        self._maker = maker
        self.metrics = Metrics()
        self._requests: dict[str, Running] = {}
        self._writings: dict[Sequence, Writing] = {}
        self._flying: Flight | None = None  # launched, and not to be settled before the next is

    @property
    def busy(self) -> bool:
        """Whether any request is unfinished."""
        return bool(self._requests)

    def add(self, requests: list[Request]) -> None:
        """Take in checked requests, in order; one that cannot begin ends with an error, alone."""
        for request in requests:
            try:
                writings = self._maker.writings(request)
            except Exception as failure:  # its caller waits for an output, whatever went wrong
                log.exception("request %s could not begin", request.request_id)
                _send(request, _failed(request, failure))
                continue
            self._requests[request.request_id] = Running(request, writings)
            for writing in writings:
                self._writings[writing.sequence] = writing
                self._scheduler.add(writing.sequence)

    def step(self) -> None:
        """Plan, launch, settle: one step of everything that is running.

        Where the runner runs ahead, what is settled is the step before.
        """
        if self.busy:
            speculator, begun = self._speculator, perf_counter()
            speculator.begin(self._scheduler.running + self._scheduler.coming)
            plan = self._scheduler.plan()
            flight = None if plan.empty else self._runner.launch(plan, *speculator.how)
            if self._runner.ahead:
                flight, self._flying = self._flying, flight
            if flight is None:
                return
            waited, spent = self.settle(flight), perf_counter() - begun
            if flight.familiar:
                speculator.timed(spent)
            if flight.landed is not None:
                self.metrics = self.metrics.settled(spent, waited)

    def settle(self, flight: Flight) -> float:
        """Give the draws to their sequences; retire what ended; tell the sinks.

        Returns the seconds that the host waited for the device.
        """
        plan, landed = flight.plan, flight.land()
        self._speculator.observe(plan, landed.fared)
        kept = [self._take(*one, landed) for one in zip(plan.samples, landed.entries, strict=True)]
        now = perf_counter()
        self._scheduler.settle(plan, kept)
        passes = drafted = held = 0
        for sample, tokens, fared in zip(plan.samples, kept, landed.fared, strict=True):
            writing = self._writings.get(sample.sequence)
            if writing is None:
                continue
            if tokens:
                writing.verified(fared.tried, len(tokens), now)
                passes, drafted, held = passes + 1, drafted + fared.tried, held + len(tokens) - 1
            if writing.ending is not None:
                self._end(writing, writing.ending)
        self._count(passes, drafted, held)
        for request_id in dict.fromkeys(sample.sequence.request_id for sample in plan.samples):
            if request_id in self._requests:
                self._tell(self._requests[request_id])
        return landed.waited

    def _count(self, passes: int, drafted: int, accepted: int) -> None:
        so_far = self.metrics
        self.metrics = Metrics(
            so_far.base_passes + passes,
            so_far.drafted + drafted,
            so_far.accepted + accepted,
            so_far.steps,
            so_far.host_seconds,
            so_far.waited_seconds,
        )

    def _take(self, sample: Sample, entries: list[int], landed: Landed) -> list[int]:
        """The tokens that one sample adds to its sequence; a failure to read them is its own.

        None where the sequence ended while this was flying.
        """
        kept: list[int] = []
        writing = self._writings.get(sample.sequence)
        if writing is None:
            return kept
        try:
            for token in writing.take(sample.sequence.row, landed, entries):
                kept.append(token)
        except Exception as failure:
            writing.ending = _lost(sample.sequence, failure)
        return kept

    def _end(self, writing: Writing, ending: Ending) -> None:
        self._scheduler.retire(writing.sequence)
        self._speculator.forget(writing.sequence)
        del self._writings[writing.sequence]
        try:
            writing.end(ending)
        except Exception as failure:
            writing.ending = _lost(writing.sequence, failure)

    def _tell(self, running: Running) -> None:
        request, finished = running.request, running.finished
        if finished:
            del self._requests[request.request_id]
        if finished or request.streaming:
            _send(request, self._output(running, finished))

    def _output(self, running: Running, finished: bool) -> RequestOutput:
        request, writings = running.request, running.writings
        first = writings[0]
        prompt_rows = request.params.prompt_logprobs is not None
        return RequestOutput(
            request_id=request.request_id,
            prompt=request.text,
            prompt_token_ids=list(request.prompts.base),
            outputs=[w.news() if request.streaming else w.whole() for w in writings],
            finished=finished,
            prompt_logprobs=first.prompt_logprobs if prompt_rows else None,
            scores=first.scored if request.given else None,
        )

    def abort(self, request_id: str) -> None:
        """End a request now; its pages are free when this returns."""
        self._end_request(request_id, Ending("abort"))

    def abort_all(self) -> None:
        """End every request now."""
        for request_id in list(self._requests):
            self.abort(request_id)

    def stop(self) -> None:
        """End every request now; the device is done with all memory when this returns."""
        self._let_land()
        self.abort_all()

    def fail_all(self, failure: BaseException) -> None:
        """End every request with an error: a step failed and none of them can be trusted."""
        self._let_land()
        for request_id in list(self._requests):
            self._end_request(request_id, Ending.failed(failure))

    def _let_land(self) -> None:
        """Wait until the device is done; nobody reads what flew, nor did what failed half-way.

        It may write to pages and buffers until then, whoever has been given their memory.
        """
        self._flying = None
        try:
            self._runner.wait()
        except Exception:  # of a device that failed already
            log.warning("the device could not be waited for", exc_info=True)

    def _end_request(self, request_id: str, ending: Ending) -> None:
        running = self._requests.get(request_id)
        if running is None:
            return
        for writing in running.writings:
            if writing.sequence in self._writings:
                self._end(writing, ending)
        self._tell(running)


def _send(request: Request, output: RequestOutput) -> None:
    """Give a request its output; a sink that raises is its own caller's loss."""
    try:
        request.sink(output)
    except Exception:
        log.exception("request %s: its sink failed", request.request_id)


def _failed(request: Request, failure: Exception) -> RequestOutput:
    """The whole output of a request that never began."""
    return RequestOutput(
        request_id=request.request_id,
        prompt=request.text,
        prompt_token_ids=list(request.prompts.base),
        outputs=[
            CompletionOutput(
                index,
                finish_reason="error",
                stop_reason=named(failure),
                error_kind=kind_of(failure),
            )
            for index in range(request.params.n)
        ],
        finished=True,
    )


def _lost(sequence: Sequence, failure: Exception) -> Ending:
    """The ending of a sequence whose tokens could not be read."""
    log.error("request %s could not be read", sequence.request_id, exc_info=failure)
    return Ending.failed(failure)
