"""What lies beside weights and pages is counted before the arena is made."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest
import torch

from proxyfuse.config import PROXY_FORMS, EngineConfig
from proxyfuse.engine import buffers
from proxyfuse.engine import load as loading
from proxyfuse.engine.buffers import GRAPHS, buffer_bytes, work_bytes
from proxyfuse.engine.memory import share_out
from proxyfuse.errors import MemoryBudgetError
from proxyfuse.models.config import ModelConfig, read_config
from proxyfuse.models.decoder import allocate_work
from proxyfuse.runner.pair import MOST
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.hindsight import SLOTS
from proxyfuse_kernels.linear_fp8.library import STRIPE
from tests.engine.test_memory import FREE, GEOMETRY, WEIGHTS

CONFIG = EngineConfig(max_num_batched_tokens=40)


def test_buffers_of_a_forward_are_counted_as_they_are_allocated(trio) -> None:
    model = read_config(trio[Role.BASE])
    work = allocate_work(model, 40, 9, torch.bfloat16)
    real = sum(getattr(work, name).untyped_storage().nbytes() for name in work.__slots__)
    assert work_bytes(model, 40, 9, torch.bfloat16) == real
    wide = replace(model, vocab_size=model.vocab_size + 1000)

    def bytes_of(role: Role) -> int:
        return buffer_bytes(CONFIG, role, wide, torch.bfloat16, 9, 256)

    narrow = buffer_bytes(CONFIG, Role.EXPERT, model, torch.bfloat16, 9, 256)
    assert bytes_of(Role.EXPERT) - narrow == 9 * 1000 * 4, "logits are float32"
    columns = 9 * 8 + (SLOTS + 1) * 4  # scratch of the sampler; hindsight
    assert bytes_of(Role.BASE) - bytes_of(Role.EXPERT) == GRAPHS + wide.vocab_size * columns


def test_weights_of_8_bits_are_widened_a_stripe_at_a_time(trio) -> None:
    model = read_config(trio[Role.BASE])
    wide = replace(model, intermediate_size=STRIPE)  # more outputs than a stripe has

    def bytes_of(model: ModelConfig, role: Role, quantization: str | None) -> int:
        config = replace(CONFIG, base_quantization=quantization)
        return buffer_bytes(config, role, model, torch.bfloat16, 9, 256)

    for one, outputs in (
        (model, max(2 * model.intermediate_size, model.qkv_size)),
        (wide, STRIPE // model.hidden_size),
    ):
        stripe = 2 * (STRIPE * 2 + 40 * outputs * 4)
        plain = bytes_of(one, Role.BASE, None)
        assert bytes_of(one, Role.BASE, "fp8") - plain == stripe
        assert bytes_of(replace(one, scaling=("channel",)), Role.BASE, None) - plain == stripe
        assert bytes_of(one, Role.EXPERT, "fp8") == bytes_of(one, Role.EXPERT, None)


def test_the_arena_gets_what_they_leave() -> None:
    def pages(beside: int) -> int:
        config = EngineConfig(max_num_seqs=512)
        return share_out(config, GEOMETRY, WEIGHTS, 4096, FREE, torch.device("cuda"), beside)

    taken = 5 << 20
    assert pages(taken) == (FREE - (3 << 20) - taken) // GEOMETRY.page_bytes < pages(0)
    with pytest.raises(MemoryBudgetError, match=r"buffers 16\.0 MiB; free are 19\.0 MiB"):
        pages(16 << 20)


def test_a_host_reserves_nothing_and_each_gpu_its_own(trio) -> None:
    models = trio.map(read_config)
    apart = Trio(dict(zip(Role, map(torch.device, ("cuda:0", "cuda:1", "cpu")), strict=True)))
    found = loading._buffers(CONFIG, models, torch.bfloat16, 256, apart)
    assert found.base > found[Role.EXPERT] > found[Role.ANTIEXPERT] == 0


def test_each_gpu_has_graphs(trio) -> None:
    model = read_config(trio[Role.BASE])

    def bytes_of(role: Role, **options: object) -> int:
        config = replace(CONFIG, **options)
        return buffer_bytes(config, role, model, torch.bfloat16, 9, 256)

    apart = [bytes_of(role, proxy_device="cuda:1") - bytes_of(role) for role in Role]
    assert apart == [0, GRAPHS, 0]
    assert bytes_of(Role.EXPERT, proxy_device="cuda:1", enforce_eager=True) == bytes_of(Role.EXPERT)


def test_buffers_of_both_proxies_as_one_are_counted(trio) -> None:
    model = read_config(trio[Role.EXPERT])
    sizes = {
        role: [
            buffer_bytes(replace(CONFIG, proxies=form), role, model, torch.bfloat16, 9, 256)
            for form in PROXY_FORMS
        ]
        for role in Role
    }
    work = work_bytes(model, 32, 32, torch.bfloat16)
    for role, (streams, grouped, auto) in sizes.items():
        assert grouped == auto == streams + work * (role is Role.EXPERT)


def test_as_many_rows_run_as_one_as_a_tile_of_the_kernel_takes() -> None:
    pytest.importorskip("triton")
    assert import_module("proxyfuse_kernels.linear.kernel").FEW == MOST


def test_the_splits_that_are_reckoned_with_are_the_kernel_s() -> None:
    pytest.importorskip("triton")
    kernel = import_module("proxyfuse_kernels.paged_attention.kernel")
    assert buffers.ATTENTION == (kernel.PROGRAMS, kernel.SPLIT, kernel.MOST_SCRATCH)
