"""`proxyfuse chat`, line by line."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxyfuse import LLM, CompletionOutput, RequestOutput, SamplingParams
from proxyfuse.cli.chat import Talk
from proxyfuse.errors import RequestError
from tests.cli.conftest import Call

PARAMS = SamplingParams(temperature=0, max_tokens=8)
WORDS = ("--temperature", "0", "--max-tokens", "8")


def answer(llm: LLM, *said: str, alpha: float | None = None, system: str | None = None) -> str:
    """The next answer by the Python class, given who said what in turn."""
    messages = [{"role": "system", "content": system}] if system else []
    messages += [
        {"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(said)
    ]
    params = replace(PARAMS, alpha=alpha)
    return llm.chat(messages, params, use_tqdm=False)[0].outputs[0].text


def test_a_conversation_remembers_and_forgets(run: Call, llm: LLM) -> None:
    result = run("chat", *WORDS, stdin="hello\nwhy\n/reset\nwhy\n/quit\nnever\n")
    first = answer(llm, "hello")
    second = answer(llm, "hello", first, "why")
    assert result.exit_code == 0
    assert result.stdout == f"{first}\n{second}\n{answer(llm, 'why')}\n"


def test_alpha_is_a_dial(run: Call, llm: LLM) -> None:
    result = run("chat", *WORDS, stdin="/alpha 0\nhello\n/alpha nan\n/alpha\n")
    assert result.stdout == answer(llm, "hello", alpha=0.0) + "\n"
    assert result.stderr.count("want a finite number") == 2


def test_system_and_templates_are_used(run: Call, llm: LLM) -> None:
    result = run("chat", *WORDS, "--system", "be brief", stdin="hello\n")
    assert result.stdout == answer(llm, "hello", system="be brief") + "\n"
    plain = run("chat", *WORDS, "--expert-template", "plain", stdin="the cat\n")
    same = llm.generate("the cat", PARAMS, use_tqdm=False)[0].outputs[0].text
    assert plain.stdout == same + "\n"


def test_a_broken_template_is_one_clear_line(run: Call) -> None:
    result = run("chat", "--base-template", "{% if %}")
    assert result.exit_code == 2
    assert result.stderr.startswith("proxyfuse: chat template of the base, line 1")


class Scripted:
    """An engine that gives the pieces it is told to, or raises what it is told to."""

    def __init__(self, *script: str | BaseException) -> None:
        self.script = script
        self.closed = False
        self.seen: list[list[dict[str, str]]] = []

    def chat_prompt(self, messages: list[dict[str, str]]) -> str:
        self.seen.append(messages)
        return "prompt"

    def stream(self, prompt: str, params: SamplingParams) -> Iterator[RequestOutput]:
        try:
            for item in self.script:
                if isinstance(item, BaseException):
                    raise item
                yield RequestOutput("0", None, [], [CompletionOutput(0, item)])
        finally:
            self.closed = True


def lines(monkeypatch: pytest.MonkeyPatch, *script: str | type[BaseException]) -> None:
    """What the user types; an exception is a key pressed."""
    typed = iter(script)

    def read(_: str = "") -> str:
        line = next(typed)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", read)


def test_ctrl_c_stops_the_answer_and_not_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Scripted("half an ", KeyboardInterrupt())
    lines(monkeypatch, "one", KeyboardInterrupt, "", "two", EOFError)
    Talk(engine, PARAMS).run()  # type: ignore[arg-type]
    assert engine.closed
    assert [message["content"] for message in engine.seen[1]] == ["one", "half an ", "two"]
    shown = capsys.readouterr()
    assert shown.out == "half an \nhalf an \n"
    assert shown.err.count("(stopped)") == 2


def test_a_refused_question_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Scripted(RequestError("too long"))
    lines(monkeypatch, "one", "two", "/quit")
    Talk(engine, PARAMS, "be brief").run()  # type: ignore[arg-type]
    assert [len(messages) for messages in engine.seen] == [2, 2]
    assert capsys.readouterr().err == "proxyfuse: too long\n" * 2
