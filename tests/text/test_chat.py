"""Each role reads the same conversation its own way."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Backend
from transformers import AutoTokenizer

from proxyfuse.errors import RequestError, TokenizerError
from proxyfuse.text.chat import ChatFormat, plain_text
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio

CHATML = (
    "{{ bos_token }}{% for m in messages %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PICKY = "{% if messages[0].role != 'user' %}{{ raise_exception('user first') }}{% endif %}ok"
QUESTION = [{"role": "user", "content": "Why is the fox quick?"}]
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello 🙂"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Why?"},
]


@pytest.fixture
def tokenizers(backends: dict[str, Backend], save: Callable[..., Path]) -> Trio[Tokenizer]:
    """A chat expert with a template of its own, and two plain models."""
    plain = Tokenizer(save(backends["byte_level"]))
    chat = Tokenizer(save(backends["byte_level"], chat_template=CHATML))
    return Trio({Role.BASE: plain, Role.EXPERT: chat, Role.ANTIEXPERT: plain})


@pytest.mark.parametrize("messages", [QUESTION, TALK])
def test_the_expert_reads_its_template_and_the_others_plain_text(
    tokenizers: Trio[Tokenizer], messages: list[dict[str, str]]
) -> None:
    prompts = ChatFormat(tokenizers).render(messages)
    hf = AutoTokenizer.from_pretrained(tokenizers[Role.EXPERT].folder)
    want = hf.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert list(prompts[Role.EXPERT].ids) == want
    assert want.count(hf.bos_token_id) == 1
    assert prompts.base.text == plain_text(messages)
    assert list(prompts.base.ids) == hf(plain_text(messages))["input_ids"]
    assert prompts[Role.ANTIEXPERT] == prompts.base


def test_plain_text_of_one_question_is_the_question() -> None:
    assert plain_text(QUESTION) == "Why is the fox quick?"
    assert plain_text([TALK[0], *QUESTION]) == "Be brief.\n\nWhy is the fox quick?"


def test_plain_text_of_a_conversation_is_a_transcript() -> None:
    assert plain_text(TALK) == (
        "Be brief.\n\nUser: Hello 🙂\nAssistant: Hello!\nUser: Why?\nAssistant:"
    )


def test_a_template_is_given_as_text_as_a_file_or_taken_away(
    tokenizers: Trio[Tokenizer], tmp_path: Path
) -> None:
    file = tmp_path / "template.jinja"
    file.write_text("[INST] {{ messages[-1].content }} [/INST]")
    given = {Role.BASE: "{{ messages|length }}", Role.EXPERT: "plain", Role.ANTIEXPERT: str(file)}
    prompts = ChatFormat(tokenizers, given).render(QUESTION)
    assert prompts.base.text == "1"
    assert prompts[Role.EXPERT].text == QUESTION[0]["content"]
    assert prompts[Role.ANTIEXPERT].text == "[INST] Why is the fox quick? [/INST]"


def test_a_broken_template_is_found_before_any_request(
    tokenizers: Trio[Tokenizer], tmp_path: Path
) -> None:
    with pytest.raises(TokenizerError, match="chat template of the base, line 2"):
        ChatFormat(tokenizers, {Role.BASE: "{{ messages }}\n{% if %}"})
    with pytest.raises(TokenizerError, match="want Jinja source"):
        ChatFormat(tokenizers, {Role.BASE: str(tmp_path / "none.jinja")})


def test_a_template_may_refuse_a_conversation(tokenizers: Trio[Tokenizer]) -> None:
    chat = ChatFormat(tokenizers, {Role.EXPERT: PICKY})
    assert chat.render(QUESTION)[Role.EXPERT].text == "ok"
    with pytest.raises(RequestError, match="the expert's template refused them: user first"):
        chat.render(TALK)


def test_a_template_cannot_leave_its_sandbox(tokenizers: Trio[Tokenizer]) -> None:
    chat = ChatFormat(tokenizers, {Role.BASE: "{{ messages.__class__.__mro__ }}"})
    with pytest.raises(RequestError, match="refused"):
        chat.render(QUESTION)


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([], "got none"),
        (["hello"], r"messages\[0\]: got 'hello'"),
        ([{"role": "robot", "content": "x"}], r"messages\[0\]\.role: got 'robot'"),
        ([{"content": "x"}], r"messages\[0\]\.role: got None"),
        ([*QUESTION, {"role": "user", "content": None}], r"messages\[1\]\.content: got None"),
    ],
)
def test_malformed_messages_are_refused(
    tokenizers: Trio[Tokenizer], messages: list[dict[str, str]], why: str
) -> None:
    with pytest.raises(RequestError, match=why):
        ChatFormat(tokenizers).render(messages)
