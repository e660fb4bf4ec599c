"""Who runs against whom. A rival's own packages are imported when it is opened, not before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

from bench.peers import amx, engine, hf_loop, hf_static
from bench.peers.peer import Peer, Setup, Write
from proxyfuse.trio import Role, Trio

Open = Callable[[Trio[Path], Setup], AbstractContextManager[Write]]
BASE = (Role.BASE,)
MINE, PLAIN, MY_BASE = "proxyfuse", "proxyfuse, no drafts", "proxyfuse, base alone"
GROUPED = "proxyfuse, grouped, no drafts"
INVARIANT = "proxyfuse, batch invariant, no drafts"
EXTRA = "make bench-peers, or pip install 'proxyfuse[bench]'"


def _from(module: str) -> Open:
    """A module's `opened`, imported with the packages that it needs when it is called."""

    def opened(folders: Trio[Path], setup: Setup) -> AbstractContextManager[Write]:
        found: AbstractContextManager[Write] = import_module(module).opened(folders, setup)
        return found

    return opened


def _ours(name: str, open: Open, roles: tuple[Role, ...] = tuple(Role)) -> Peer:
    return Peer(name=name, open=open, dtype="bfloat16", roles=roles)


def _hf(what: str, dtype: str, roles: tuple[Role, ...] = tuple(Role)) -> Peer:
    name = f"Hugging Face {what}, {dtype}"
    return Peer(name=name, open=hf_loop.opened, dtype=dtype, roles=roles)


def _compiled(what: str, roles: tuple[Role, ...] = tuple(Role)) -> Peer:
    return Peer(
        name=f"Hugging Face {what}, compiled",
        open=hf_static.opened,
        dtype="bfloat16",
        roles=roles,
        devices=("cuda",),
    )


def _llama(what: str, dtype: str, roles: tuple[Role, ...] = tuple(Role)) -> Peer:
    return Peer(
        name=f"llama.cpp {what}, {dtype}",
        open=_from("bench.peers.llama_cpp"),
        dtype=dtype,
        roles=roles,
        exact=False,  # its keys and values are float16
        needs=("llama_cpp", "gguf"),
        install=EXTRA,
        devices=("cpu",),
        without=amx.WHY if amx.has_amx() else "",
    )


def _served(name: str, module: str) -> Peer:
    return Peer(
        name=f"{name} base alone",
        open=_from(f"bench.peers.{module}_base"),
        dtype="bfloat16",
        roles=BASE,
        exact=False,  # opened in bfloat16 only: a second start takes minutes
        needs=(module,),
        install=f"pip install {module} in an environment of its own choice of torch",
        devices=("cuda",),
    )


PEERS = (
    _ours(MINE, engine.opened),
    _ours(PLAIN, engine.unspeculated),
    replace(_ours(GROUPED, engine.grouped), devices=("cuda",)),
    replace(_ours(INVARIANT, engine.invariant), devices=("cuda",)),
    _ours(MY_BASE, engine.opened, BASE),
    _hf("loop", "bfloat16"),
    _hf("loop", "float32"),
    _hf("base alone", "bfloat16", BASE),
    _compiled("loop"),
    _compiled("base alone", BASE),
    _llama("loop", "bfloat16"),
    _llama("loop", "q8_0"),
    _llama("base alone", "bfloat16", BASE),
    _served("vLLM", "vllm"),
    _served("SGLang", "sglang"),
)


def chosen(
    patterns: Sequence[str], device: str, base_quantization: str | None = None
) -> list[Peer]:
    """Peers whose name matches a pattern (`llama*`) and whose device this is; mine is always one.

    base_quantization: "fp8" for this engine's own, under their names; rivals stay as they are.
    Raises `ValueError` for a pattern that matches no peer at all.
    """
    for pattern in patterns:
        if not any(fnmatch(peer.name, pattern) for peer in PEERS):
            names = "; ".join(peer.name for peer in PEERS)
            raise ValueError(f"got peer {pattern!r}, want a pattern of: {names}")
    own = {MINE, PLAIN, GROUPED, INVARIANT, MY_BASE} if base_quantization else {}
    return [
        replace(peer, dtype=base_quantization or peer.dtype) if peer.name in own else peer
        for peer in PEERS
        if device in peer.devices
        and (peer.name == MINE or any(fnmatch(peer.name, pattern) for pattern in patterns))
    ]
