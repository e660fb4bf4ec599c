"""The training losses against their formulas, on models that are a table of logits."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from demo_training.losses import distilled, on_text

WINDOWS = torch.randint(5, (3, 7), generator=torch.Generator().manual_seed(1))


class Bigrams(nn.Module):
    """Logits of the next token by the last one."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.table = nn.Parameter(torch.randn(5, 5, generator=random))

    def forward(self, input_ids: Tensor, use_cache: bool) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[input_ids])

    def expects(self) -> Tensor:
        return self.table[WINDOWS[:, :-1]].flatten(0, 1).log_softmax(-1)


@pytest.fixture(autouse=True)
def uncompiled() -> Iterator[None]:
    with torch.compiler.set_stance("force_eager"):
        yield


def nats(expected: Tensor) -> Tensor:
    return -expected.gather(1, WINDOWS[:, 1:].flatten()[:, None]).mean()


def test_a_teacher_is_matched_only_by_itself() -> None:
    student, teacher = Bigrams(1), Bigrams(2)
    gap = teacher.expects() - student.expects()
    expected = (teacher.expects().exp() * gap).sum(-1).mean()
    torch.testing.assert_close(distilled(student, teacher)(WINDOWS), expected)
    assert distilled(student, Bigrams(1))(WINDOWS).abs() < 1e-6


def test_text_is_scored_by_its_next_token() -> None:
    student = Bigrams(1)
    torch.testing.assert_close(on_text(student)(WINDOWS), nats(student.expects()))


def test_only_the_student_learns_and_learns_what_the_teacher_expects() -> None:
    student, teacher = Bigrams(1), Bigrams(2)
    distilled(student, teacher)(WINDOWS).backward()
    assert teacher.table.grad is None
    wanted = -(teacher.expects().exp().detach() * student.expects()).sum(-1).mean()
    (expected,) = torch.autograd.grad(wanted, student.table)
    torch.testing.assert_close(student.table.grad, expected)
