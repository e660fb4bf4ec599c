"""Teams of threads, and tapes that they replay."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from proxyfuse_kernels.cpu import CpuOps, Tape, isa, isas

cpu = pytest.importorskip("proxyfuse_kernels._cpu")


def recorded(steps: int = 30) -> tuple[Tape, torch.Tensor, torch.Tensor]:
    """A tape of many small steps, each of which reads what all threads wrote in the last one."""
    tape, x, first = Tape(), torch.randn(5, 96), torch.empty(5, 96)
    ops, buffers = CpuOps(tape), [torch.empty(5, 96) for _ in range(steps)]
    ops.rms_norm(x, torch.ones(96), 1e-6, first)
    for step, out in enumerate(buffers):
        ops.linear(buffers[step - 1] if step else first, torch.randn(96, 96) / 9, None, out)
    return tape, x, buffers[-1]


def test_a_tape_replays_with_what_its_buffers_hold(teams: dict[int, Any]) -> None:
    tape, x, out = recorded()
    assert len(tape) == 31
    inputs, seen = [torch.randn(5, 96) for _ in range(3)], []
    for values in inputs:
        x.copy_(values)
        tape.run(teams[1])
        seen.append(out.clone())
    for threads in (2, 3, 5):
        for values, want in zip(inputs, seen, strict=True):
            x.copy_(values)
            out.fill_(torch.nan)
            tape.run(teams[threads])
            assert torch.equal(out, want)


def test_an_empty_tape_and_an_empty_batch_do_nothing(teams: dict[int, Any]) -> None:
    tape = Tape()
    tape.run(teams[2])
    CpuOps(tape).linear(torch.empty(0, 8), torch.randn(4, 8), None, torch.empty(0, 4))
    tape.run(teams[2])


def test_a_tape_keeps_its_tensors_until_it_is_cleared() -> None:
    tape, out = Tape(), torch.empty(1, 4)
    alive = weakref.ref(out)
    CpuOps(tape).linear(torch.randn(1, 8), torch.randn(4, 8), None, out)
    del out
    gc.collect()
    assert alive() is not None
    tape.clear()
    gc.collect()
    assert alive() is None and len(tape) == 0


def test_many_runs_from_many_python_threads(teams: dict[int, Any]) -> None:
    made = [recorded(8) for _ in range(4)]
    wanted = []
    for tape, _, out in made:
        tape.run(teams[1])
        wanted.append(out.clone())

    def replay(index: int) -> bool:
        tape, _, out = made[index]
        tape.run(teams[3] if index % 2 else teams[2])
        return torch.equal(out, wanted[index])

    with ThreadPoolExecutor(4) as pool:
        for _ in range(25):
            assert all(pool.map(replay, range(4)))


def test_the_interpreter_goes_on_while_a_tape_runs() -> None:
    tape, team, stop = Tape(), cpu.Team(1), threading.Event()
    x, weight = torch.randn(256, 1024), torch.randn(1024, 1024)
    for _ in range(20):
        CpuOps(tape).linear(x, weight, None, torch.empty(256, 1024))
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while not stop.wait(0.001):
            ticks += 1

    clock = threading.Thread(target=tick)
    clock.start()
    tape.run(team)
    stop.set()
    clock.join()
    assert ticks > 3


def test_a_team_works_before_and_after_a_fork() -> None:
    tape, _, out = recorded(4)
    team = cpu.Team(3)
    tape.run(team)
    want = out.clone()
    child = os.fork()
    if child == 0:
        tape.run(team)
        del team
        os._exit(0 if torch.equal(out, want) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    tape.run(team)
    assert torch.equal(out, want)


def test_parked_threads_wake_up() -> None:
    tape, _, out = recorded(2)
    team = cpu.Team(2, spin_us=0)
    assert team.threads == 2
    for _ in range(50):
        out.fill_(torch.nan)
        tape.run(team)
        assert out.isfinite().all()
        threading.Event().wait(0.0005)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="threads >= 1"):
        cpu.Team(0)
    with pytest.raises(ValueError, match="sse9"):
        Tape("sse9")
    assert isa() == isas()[0] and isas()[-1] == "generic"
