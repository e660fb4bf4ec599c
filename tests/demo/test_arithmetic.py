from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from proxyfuse.demo.arithmetic import Problem, is_correct, problems, read_answer

pairs = st.integers(1, 4).flatmap(lambda n: st.tuples(*[st.integers(10 ** (n - 1), 10**n - 1)] * 2))


@given(pairs)
def test_the_worked_text_is_right_and_is_read_back(pair: tuple[int, int]) -> None:
    problem = Problem(*pair)
    assert read_answer(problem.worked) == problem.a + problem.b
    assert is_correct(problem, problem.worked)
    assert not is_correct(Problem(problem.a + 1, problem.b), problem.worked)


@given(pairs)
def test_every_written_digit_is_a_digit_of_the_answer(pair: tuple[int, int]) -> None:
    problem = Problem(*pair)
    steps = problem.worked.split("; ")[:-1]
    digits = [step.split("write ")[1][0] for step in steps]
    carry = steps[-1][-1].strip("0")
    assert carry + "".join(reversed(digits)) == str(problem.answer)


def test_the_format_is_the_documented_one() -> None:
    assert Problem(47, 38).prompt == "Q: 47 + 38 = ?\nA:"
    assert Problem(47, 38).worked == (
        " 7+8+0=15 write 5 carry 1; 4+3+1=8 write 8 carry 0; answer 85\n"
    )


def test_both_sides_of_the_split_are_disjoint_whatever_the_seed_and_the_order() -> None:
    training = {(p.a, p.b) for p in islice(problems(1, held_out=False), 20_000)}
    training |= {(b, a) for a, b in training}
    assert training.isdisjoint((p.a, p.b) for p in islice(problems(2, held_out=True), 2_000))


def test_about_one_problem_in_sixteen_is_held_out() -> None:
    share = sum(Problem(a, 500).held_out for a in range(100, 1000)) / 900
    assert 0.03 < share < 0.10


def test_problems_repeat_with_their_seed() -> None:
    assert [*islice(problems(7, held_out=True), 5)] == [*islice(problems(7, held_out=True), 5)]


def test_answers_are_read_from_either_form_and_never_guessed() -> None:
    assert read_answer(" 85\nQ: 1 + 1 = ?\nA: 2") == 85
    assert read_answer(" about 85\n") is None
    assert read_answer("") is None
    assert read_answer("\nQ: 1 + 1 = ?\nA: answer 2") is None
