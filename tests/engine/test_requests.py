"""What a request may ask for, and what comes back for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from proxyfuse import LLM, Prompt, SamplingParams
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio
from tests import hf_loop

WORDS = "the cat sat on the mat and"
LONG = SamplingParams(temperature=1.0, seed=3, max_tokens=40, ignore_eos=True)


def one(llm: LLM, prompt: Any, params: SamplingParams) -> Any:
    return llm.generate(prompt, params, use_tqdm=False)[0].outputs[0]


def test_outputs_come_in_the_order_of_the_prompts(trio, open_llm) -> None:
    llm = open_llm(trio)
    prompts = [WORDS[:at] for at in range(4, 20)]
    params = [replace(LONG, max_tokens=17 - at) for at in range(16)]
    outputs = llm.generate(prompts, params, use_tqdm=False)
    assert [output.prompt for output in outputs] == prompts
    assert [len(output.outputs[0].token_ids) for output in outputs] == list(range(17, 1, -1))
    assert all(output.finished for output in outputs)


def test_text_is_what_the_tokens_say(trio, open_llm) -> None:
    written = one(open_llm(trio), WORDS, LONG)
    tokenizer = Tokenizer(trio.base)
    assert written.text == tokenizer.decode(written.token_ids)
    assert written.finish_reason == "length"


def test_a_stream_adds_up_to_the_whole(trio, open_llm) -> None:
    llm = open_llm(trio)
    whole = one(llm, WORDS, LONG)
    news = list(llm.stream(WORDS, LONG))
    assert "".join(item.outputs[0].text for item in news) == whole.text
    assert [i for item in news for i in item.outputs[0].token_ids] == whole.token_ids
    assert [item.finished for item in news] == [False] * (len(news) - 1) + [True]
    assert len(news) > 10


def test_a_stop_string_cuts_the_text_wherever_tokens_end(trio, open_llm) -> None:
    llm = open_llm(trio)
    text = one(llm, WORDS, LONG).text
    stop = text[9:12]
    cut = one(llm, WORDS, replace(LONG, stop=(stop,)))
    assert cut.text == text[: text.index(stop)]
    assert (cut.finish_reason, cut.stop_reason) == ("stop", stop)
    kept = replace(LONG, stop=(stop,), include_stop_str_in_output=True)
    assert one(llm, WORDS, kept).text == text[: text.index(stop)] + stop
    news = list(llm.stream(WORDS, replace(LONG, stop=(stop,))))
    assert "".join(item.outputs[0].text for item in news) == cut.text


def test_a_stop_id_ends_the_text_and_is_not_in_it(trio, open_llm) -> None:
    llm = open_llm(trio)
    whole = one(llm, WORDS, LONG)
    stop = whole.token_ids[5]
    first = whole.token_ids.index(stop)
    ended = one(llm, WORDS, replace(LONG, stop_token_ids=(stop,)))
    assert ended.token_ids == whole.token_ids[: first + 1]
    assert (ended.finish_reason, ended.stop_reason) == ("stop", stop)
    assert ended.text == Tokenizer(trio.base).decode(whole.token_ids[:first])


def test_min_tokens_keeps_the_end_away(trio, open_llm) -> None:
    llm = open_llm(trio)
    eager = SamplingParams(temperature=0, max_tokens=9, logit_bias={0: 100.0})
    assert one(llm, WORDS, eager).token_ids == [0]
    held = one(llm, WORDS, replace(eager, min_tokens=4))
    assert held.token_ids[-1] == 0 and len(held.token_ids) == 5
    assert 0 not in held.token_ids[:-1]


def test_the_context_s_end_is_a_length(trio, open_llm) -> None:
    llm = open_llm(trio, max_model_len=20)
    written = one(llm, [5] * 15, replace(LONG, max_tokens=None))
    assert (len(written.token_ids), written.finish_reason) == (5, "length")
    longer = one(llm, Prompt([5], expert=[6] * 18), LONG)
    assert len(longer.token_ids) == 2


def test_logprobs_are_those_of_hugging_face(trio, open_llm) -> None:
    llm = open_llm(trio)
    ids = [5, 9, 30, 31]
    params = SamplingParams(temperature=0, max_tokens=3, logprobs=5, alpha=0.6, ignore_eos=True)
    written = one(llm, ids, params)
    models = hf_loop.load(trio)
    for at, (token, row) in enumerate(zip(written.token_ids, written.logprobs, strict=True)):
        lanes = Trio({role: [*ids, *written.token_ids[:at]] for role in Role})
        fused = hf_loop.fused_logits(models, lanes, [], 0.6).log_softmax(-1)
        top = torch.topk(fused, 5)
        assert list(row)[:5] == top.indices.tolist()
        assert row[token].rank == 1
        assert [row[i].logprob for i in top.indices.tolist()] == pytest.approx(
            top.values.tolist(), abs=1e-4
        )
        for role in Role:
            alone = Trio({Role.BASE: models[role]})
            own = hf_loop.fused_logits(alone, Trio({Role.BASE: lanes.base}), [], 0.0)
            want = float(own[:301].log_softmax(-1)[token])
            assert getattr(row[token], role.label) == pytest.approx(want, abs=1e-4)


def test_prompt_logprobs_are_those_of_hugging_face(trio, open_llm) -> None:
    llm = open_llm(trio, max_num_batched_tokens=3)
    ids = [5, 9, 30, 31, 8, 77]
    params = SamplingParams(temperature=0, max_tokens=2, prompt_logprobs=1, alpha=0.6, n=2)
    for _ in range(2):  # the second time the prefix cache knows the prompt
        found = llm.generate(ids, params, use_tqdm=False)[0].prompt_logprobs
        assert found is not None and found[0] is None and len(found) == len(ids)
        models = hf_loop.load(trio)
        for at in range(1, len(ids)):
            lanes = Trio(dict.fromkeys(Role, ids[:at]))
            want = hf_loop.fused_logits(models, lanes, [], 0.6).log_softmax(-1)[ids[at]]
            assert found[at][ids[at]].logprob == pytest.approx(float(want), abs=1e-4)


def test_the_first_token_has_its_own_log_probabilities_beside_the_prompt_s(trio, open_llm) -> None:
    llm = open_llm(trio)
    params = replace(LONG, max_tokens=2, prompt_logprobs=0, logprobs=4)
    alone = one(llm, WORDS, replace(params, prompt_logprobs=None))
    beside = one(llm, WORDS, params)
    assert beside.logprobs == alone.logprobs and len(beside.logprobs[0]) >= 4


def test_n_shares_the_prompt_s_pages(trio, open_llm) -> None:
    for caching in (True, False):
        llm = open_llm(trio, enable_prefix_caching=caching, page_size=4, speculate=0)
        rows = []
        launch = llm._loaded.runner.launch

        def counted(plan: Any, *how: Any, launch: Any = launch, rows: list[int] = rows) -> Any:
            rows.append(sum(cut.stop - cut.start for cut in plan.slices.base))
            return launch(plan, *how)

        llm._loaded.runner.launch = counted
        params = SamplingParams(n=8, max_tokens=2, seed=1, ignore_eos=True)
        llm.generate([7] * 41, params, use_tqdm=False)
        assert sum(rows) == 41 + 7 + 8, "the prompt is computed once, its last token by each"


def test_closing_a_stream_aborts_it(trio, open_llm) -> None:
    llm = open_llm(trio)
    stream = llm.stream(WORDS, replace(LONG, max_tokens=None))
    next(stream)
    stream.close()
    deadline = time.monotonic() + 10
    while not llm._loaded.scheduler.idle and time.monotonic() < deadline:
        time.sleep(0.01)
    assert llm._loaded.scheduler.idle


def test_closing_the_engine_ends_what_runs_as_aborted(trio, open_llm) -> None:
    llm = open_llm(trio)
    stream = llm.stream(WORDS, replace(LONG, max_tokens=None))
    next(stream)
    llm.close()
    assert list(stream)[-1].outputs[0].finish_reason in ("abort", "length")


def test_a_stream_may_be_closed_after_its_engine(trio, open_llm) -> None:
    llm = open_llm(trio)
    stream = llm.stream(WORDS, replace(LONG, max_tokens=None))
    next(stream)
    llm.close()
    stream.close()
    llm.abort("0")


def test_a_special_token_is_shown_among_log_probabilities(trio, open_llm) -> None:
    params = SamplingParams(allowed_token_ids=(0,), logprobs=0, max_tokens=1)
    written = one(open_llm(trio), WORDS, params)
    assert written.logprobs[0][0].decoded_token == "</s>"
    assert written.text == ""


def test_chat_gives_each_role_its_own_prompt(trio, open_llm) -> None:
    llm = open_llm(trio)
    messages = [{"role": "user", "content": "the cat"}]
    prompt = llm.chat_prompt(messages)
    tokenizer = Tokenizer(trio.base)
    assert tokenizer.decode(list(prompt.of(Role.EXPERT))) == "[user] the cat\n[assistant] "
    assert tokenizer.decode(list(prompt.of(Role.BASE))) == "the cat"
    assert prompt.of(Role.ANTIEXPERT) == prompt.of(Role.BASE)
    answers = llm.chat([messages, messages], LONG, use_tqdm=False)
    assert [a.outputs[0].token_ids for a in answers] == [one(llm, prompt, LONG).token_ids] * 2


def test_alpha_zero_leaves_the_proxies_alone(trio, open_llm) -> None:
    llm = open_llm(trio)
    ran = []
    launch = llm._loaded.runner.launch
    llm._loaded.runner.launch = lambda plan, *how: (ran.append(plan.slices), launch(plan, *how))[1]
    one(llm, WORDS, replace(LONG, alpha=0.0))
    assert not any(slices[Role.EXPERT] or slices[Role.ANTIEXPERT] for slices in ran)


def test_a_program_that_forgets_to_close_ends_well(trio) -> None:
    program = (
        "import sys; from proxyfuse import LLM, SamplingParams\n"
        "llm = LLM(*sys.argv[1:], device='cpu')\n"
        "print(len(llm.generate('the', SamplingParams(max_tokens=3, ignore_eos=True),"
        " use_tqdm=False)[0].outputs[0].token_ids))\n"
        "stream = llm.stream('the', SamplingParams(max_tokens=200, ignore_eos=True))\n"
        "next(stream)\n"
    )
    command = [sys.executable, "-c", program, *map(str, trio.values())]
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=where, timeout=60)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
