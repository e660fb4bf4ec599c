"""Who is missing is said with what to do about it; a pattern that names nobody is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.engine.options import make_parser, rivals
from bench.peers.amx import has_amx
from bench.peers.batches import in_batches
from bench.peers.engine import arena_bytes, open_llm
from bench.peers.lineup import MINE, PEERS, chosen
from bench.peers.peer import Setup, Text, in_columns
from proxyfuse.trio import Trio

BY_NAME = {peer.name: peer for peer in PEERS}


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(PEERS)


def test_an_absent_package_is_named_with_its_remedy() -> None:
    peer = replace(BY_NAME["llama.cpp loop, q8_0"], needs=("json", "no_such_module"))
    why = peer.missing("cpu")
    assert why is not None and "no_such_module not installed" in why and "bench-peers" in why
    assert replace(peer, needs=("json",)).missing("cpu") is None


def test_a_rival_of_other_devices_is_missing() -> None:
    assert "got device cpu, want cuda" in str(BY_NAME["vLLM base alone"].missing("cpu"))


def test_what_a_processor_cannot_time_is_told_of_those_who_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = tmp_path / "cpuinfo"
    assert not has_amx(listing)
    for flags, wanted in (("avx512f amx_bf16", False), ("amx_bf16 amx_tile amx_int8", True)):
        listing.write_text(f"processor : 0\nflags : fpu {flags}\n")
        assert has_amx(listing) == wanted
    told = [replace(peer, without="no tiles" * (peer.name == MINE)) for peer in PEERS]
    monkeypatch.setattr("bench.peers.lineup.PEERS", told)
    here, missing = rivals(make_parser(None, [], ["proxyfuse*", "vLLM*"]).parse_args([]))
    assert MINE in {peer.name for peer in here} and missing == ["no tiles"]
    assert "missing: no tiles" in capsys.readouterr().err


def test_patterns_choose_rivals_and_never_leave_this_engine_out() -> None:
    names = [peer.name for peer in chosen(["llama*loop*"], "cpu")]
    assert names == [MINE, "llama.cpp loop, bfloat16", "llama.cpp loop, q8_0"]
    assert all("cpu" in peer.devices for peer in chosen(["*"], "cpu"))
    with pytest.raises(ValueError, match="got peer 'lama'"):
        chosen(["lama"], "cpu")


def test_batches_come_in_order() -> None:
    sizes = []

    def write(prompts: object, lengths: list[int]) -> list[Text]:
        sizes.append(len(lengths))
        return [Text([length] * length, []) for length in lengths]

    written = in_batches(write, 2)([[0]] * 5, [1, 2, 3, 4, 5])  # type: ignore[arg-type]
    assert sizes == [2, 2, 1]
    assert [text.ids for text in written] == [[n] * n for n in (1, 2, 3, 4, 5)]


def test_a_static_batch_gives_each_row_its_share_of_the_columns() -> None:
    texts = in_columns([[1, 9], [2, 8], [3, 7]], [0.1, 0.2, 0.3], [3, 2])
    assert texts == [Text([1, 2, 3], [0.1, 0.2, 0.3]), Text([9, 8], [0.1, 0.2])]


def test_what_came_together_has_one_time() -> None:
    text = Text([], [])
    for whole, now in (([4], 0.5), ([4, 5, 6], 0.75), ([4, 5, 6], 0.8)):
        text.extend(whole, now)
    assert text == Text([4, 5, 6], [0.5, 0.75, 0.75])


def test_only_this_engine_takes_a_base_in_8_bits(small: Trio[Path], setup: Setup) -> None:
    plain, narrow = chosen(["*"], "cpu"), chosen(["*"], "cpu", "fp8")
    changed = [b for a, b in zip(plain, narrow, strict=True) if a != b]
    assert {peer.dtype for peer in changed} == {"fp8"}
    assert all(peer.name.startswith(MINE) for peer in changed) and len(changed) == 3
    with open_llm(small, replace(setup, dtype="fp8")) as llm:
        config = llm._loaded.config
        assert (config.dtype, config.base_quantization) == ("bfloat16", "fp8")


def test_the_arena_holds_every_sequence_and_hits_no_prefix(small: Trio[Path], setup: Setup) -> None:
    with open_llm(small, setup) as llm:
        config = llm._loaded.config
        assert config.kv_cache_bytes == arena_bytes(small, setup)
        assert not config.enable_prefix_caching
        assert config.max_num_seqs == setup.sequences
