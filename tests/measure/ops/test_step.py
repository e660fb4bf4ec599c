"""A step's parts are the models' own operations: their weights add up to the files'."""

from __future__ import annotations

from pathlib import Path

import torch

from proxyfuse.measure import bytes_a_token
from proxyfuse.measure.ops.case import Place
from proxyfuse.measure.ops.step import step_parts
from proxyfuse.models.config import read_config
from proxyfuse.trio import Role
from tests.stored_fp8 import store
from tests.tiny import make_trio

PLACE = Place(torch.device("cpu"))


def test_products_and_norms_read_what_a_token_reads(tmp_path: Path) -> None:
    trio = make_trio(tmp_path)
    models = trio.map(read_config)
    weights = 0
    for part in step_parts(PLACE, models, 1, 16, torch.float32):
        if part.case.op == "linear":
            weights += part.count * part.case.make()["weight"].nbytes
        if part.case.op == "rms_norm":
            weights += part.count * part.case.make()["weight"].nbytes
    told = bytes_a_token(trio, torch.float32)
    assert 0.98 * told < weights <= told  # biases and the norms of heads are no products


def test_a_quantised_base_reads_half(tmp_path: Path) -> None:
    trio = make_trio(tmp_path)
    parts = step_parts(PLACE, trio.map(read_config), 1, 16, torch.bfloat16, "fp8")
    narrow = [part for part in parts if part.case.op == "linear_fp8"]
    assert {part.what for part in narrow} == {"qkv", "output", "gate, up", "down"}
    assert all(list(part.times) == [Role.BASE] for part in narrow)
    saved = 0
    for part in narrow:
        buffers = part.case.make()
        kept = buffers["values"].nbytes + buffers["scales"].nbytes
        saved += part.count * (buffers["wide"].nbytes - kept)
    plain, told = (bytes_a_token(trio, torch.bfloat16, tuple(Role), q) for q in (None, "fp8"))
    assert plain - told == saved


def test_a_model_that_is_stored_in_fp8_reads_what_it_holds(tmp_path: Path) -> None:
    trio = make_trio(tmp_path)
    store(trio[Role.EXPERT])
    parts = step_parts(PLACE, trio.map(read_config), 1, 16, torch.bfloat16)
    narrow = [part for part in parts if part.case.op == "linear_fp8"]
    assert {part.what for part in narrow} == {"qkv", "output", "gate, up", "down"}
    assert all(list(part.times) == [Role.EXPERT] for part in narrow)
    told = [bytes_a_token(trio, torch.bfloat16, [r]) for r in (Role.EXPERT, Role.ANTIEXPERT)]
    saved = 0
    for part in narrow:
        buffers = part.case.make()
        saved += part.count * (buffers["values"].nbytes - buffers["scales"].nbytes)
    assert told[1] - told[0] == saved


def test_what_two_models_share_stands_once(tmp_path: Path) -> None:
    models = make_trio(tmp_path).map(read_config)
    parts = step_parts(PLACE, models, 2, 16, torch.float32)
    heads = [part for part in parts if part.what == "head"]
    proxies = [part for part in heads if Role.EXPERT in part.times]
    assert sum(part.count for part in heads) == 3
    assert proxies[0].times == {Role.EXPERT: 1, Role.ANTIEXPERT: 1}
    assert [part.count for part in parts if part.what == "sampler"] == [1]
    alone = step_parts(PLACE, models.only((Role.BASE,)), 2, 16, torch.float32)
    assert "sampler" not in {part.what for part in alone}
