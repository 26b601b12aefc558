"""Exercises and questions of each chapter: all parts there, checks bite, solutions pass."""

import importlib
import math
import re
from functools import partial
from itertools import combinations

import jupytext
import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F
from checks import Check, Wrong, two_slips
from helpers.needed import needed
from quizzes import questions, quiz

import snnlab
from book.tools import contents, course
from book.tools.contents import BOOK

CHAPTERS = contents.chapters()
# Each part's own quiz -> the chapter that it stands at the end of
PARTS = {
    f"part-{part['caption'].lower()}": contents.pages(part)[-1]
    for part in contents.parts()
    if "numbered" in part
}
# A page of the reference that has exercises as the chapters have
PRACTISED = [*CHAPTERS, "bring-your-own-network"]
QUIZZES = {page: page for page in PRACTISED} | PARTS
BLOCK = r"^`{5}\{%s\}([^\n]*)\n:label: (\S+)\n(.*?)^`{5}$"
CELL = r"^```\{code-cell\} ipython3\n(.*?)^```$"


def source(chapter):
    return (BOOK / f"{chapter}.md").read_text(encoding="utf-8")


def exercises(chapter):
    """[(kind, label, text)], kind as in "Predict: one pixel"."""
    found = re.findall(BLOCK % "exercise", source(chapter), re.S | re.M)
    return [(title.strip().split(":")[0], label, text) for title, label, text in found]


def solutions(chapter):
    """Label -> text."""
    found = re.findall(
        r"^`{5}\{solution\} (\S+)\n:class: dropdown\n(.*?)^`{5}$", source(chapter), re.S | re.M
    )
    return dict(found)


def stubs(chapter):
    """The cells that the reader fills in; their last line calls the check."""
    cells = re.findall(CELL, source(chapter), re.S | re.M)
    return [cell for cell in cells if cell.startswith("from checks.")]


def module_of(chapter):
    return chapter.replace("-", "_")


def check_of(chapter, stub):
    """The check of a stub, and the name of the function that it is called with."""
    module, name, call, function = re.search(
        r"from (checks\.\w+) import (\w+)\n.*\n(\w+)\((\w+)\)\n$", stub, re.S
    ).groups()
    assert call == name and module == f"checks.{module_of(chapter)}"
    return getattr(importlib.import_module(module), name), function


STUBS = [(chapter, stub) for chapter in PRACTISED for stub in stubs(chapter)]
NAMES = [check_of(*pair)[1] for pair in STUBS]


def python_of(chapter, function):
    """The code of the solution in which that function is written."""
    code = [
        found
        for text in solutions(chapter).values()
        for found in re.findall(r"^```python\n(.*?)^```$", text, re.S | re.M)
        if f"def {function}(" in found
    ]
    assert len(code) == 1, f"{chapter}: {len(code)} solutions write {function}"
    return code[0]


def run(code):
    names = {"math": math, "torch": torch, "F": F, "snnlab": snnlab}
    exec(code, names)
    return names


# What every chapter has


LADDER = ["Predict", "Build", "Transfer", "Open"]


@pytest.mark.parametrize("chapter", PRACTISED)
def test_gaps_stand_in_the_sections_and_the_ladder_at_the_end(chapter):
    found = exercises(chapter)
    kinds = [kind for kind, _, _ in found]
    gaps = kinds.count("Gap")
    assert kinds == ["Gap"] * gaps + LADDER and gaps >= 3
    assert source(chapter).count("{exercise}") == len(found)
    ladder = source(chapter).index("## Exercises")
    for kind, label, text in found:
        assert label.endswith(f"-{kind.lower()}") or f"-{kind.lower()}-" in label
        assert "```{dropdown} Hint\n" in text or kind == "Gap", f"{label} has no hint"
        at = source(chapter).index(f":label: {label}\n")
        assert (at < ladder) == (kind == "Gap")
    solved = [label for kind, label, _ in found if kind != "Open"]
    assert list(solutions(chapter)) == solved
    assert ladder < source(chapter).index("## Check yourself")


@pytest.mark.parametrize("chapter", PRACTISED)
def test_what_is_written_is_checked(chapter):
    written = sum(kind in ("Gap", "Build") for kind, _, _ in exercises(chapter))
    assert len(stubs(chapter)) >= written


@pytest.mark.parametrize(("chapter", "stub"), STUBS, ids=NAMES)
def test_the_reader_finds_a_stub_and_a_check_that_says_so(chapter, stub, capsys):
    assert "    ...  # your code\n" in stub
    run(stub)
    assert "not written yet" in capsys.readouterr().out


NEEDS = {"a run", "a figure", "the code"}  # what a question is answered with


@pytest.mark.parametrize("name", QUIZZES)
def test_a_few_questions_with_one_right_answer_and_feedback_on_each(name):
    assert f'quiz("{name}")' in source(QUIZZES[name])
    asked = questions(name)
    assert (4 <= len(asked) <= 6) if name in PARTS else (2 <= len(asked) <= 4)
    for question in asked:
        assert {"misconception", "question", "choices"} <= set(question)
        assert set(question) <= {"misconception", "question", "choices", "needs", "code", "prints"}
        assert question.get("needs", "a run") in NEEDS
        assert ("code" in question) or question.get("needs") in (None, "a figure", "a run")
        assert question["misconception"] and question["question"].endswith("?")
        choices = question["choices"]
        assert 2 <= len(choices) <= 4
        assert [choice.get("right", False) for choice in choices].count(True) == 1
        for choice in choices:
            assert set(choice) <= {"text", "right", "feedback", "cautious"}
            assert len(choice["feedback"].split()) >= 6
        for part in ("text", "feedback"):
            assert len({choice[part] for choice in choices}) == len(choices)
    needing = sum("needs" in question for question in asked)
    assert 2 * needing >= len(asked), "half of the questions need more than memory"
    places = [[c.get("right", False) for c in q["choices"]].index(True) for q in asked]
    assert len(set(places)) > 1, "the right answer stands at the same place in every question"


def test_the_most_cautious_choice_is_right_no_more_often_than_by_chance():
    """A question names the choice that claims least, where one does: who always takes it must not
    get far, neither in one quiz nor in all of them."""
    named, right, chance = 0, 0, 0.0
    for name in QUIZZES:
        asked = [question["choices"] for question in questions(name)]
        found = [[c for c in choices if c.get("cautious")] for choices in asked]
        assert max(map(len, found)) <= 1
        won = sum(c.get("right", False) for some in found for c in some)
        assert 2 * won <= len(asked), f"{name}: the cautious choice is right in {won}"
        named += sum(map(len, found))
        right += won
        chance += sum(1 / len(choices) for choices, some in zip(asked, found, strict=True) if some)
    assert named > 0.8 * sum(len(questions(name)) for name in QUIZZES)
    assert right <= chance


CODE = [(name, question) for name in QUIZZES for question in questions(name) if "code" in question]


@pytest.mark.parametrize(
    ("name", "question"), CODE, ids=[f"{name}: {q['misconception']}" for name, q in CODE]
)
def test_the_code_of_a_question_does_what_the_answer_says(name, question, capsys):
    """It runs by itself, and what it prints is written beside it, for this test alone."""
    assert all(len(line) <= 74 for line in question["code"].splitlines())
    run(question["code"])
    assert capsys.readouterr().out.strip() == str(question["prints"]).strip()


def test_each_check_belongs_to_a_chapter_and_each_quiz_to_a_chapter_or_a_part():
    checks = {path.stem for path in (BOOK / "checks").glob("*.py")} - {"__init__"}
    assert checks == {module_of(chapter) for chapter in PRACTISED}
    assert {path.stem for path in (BOOK / "quizzes").glob("*.yml")} == set(QUIZZES)


# The checks of the chapters


@pytest.mark.parametrize(("chapter", "stub"), STUBS, ids=NAMES)
def test_the_solution_passes_its_check(chapter, stub, capsys):
    check, function = check_of(chapter, stub)
    check(run(python_of(chapter, function))[function])
    assert capsys.readouterr().out.startswith("Right.")


@pytest.mark.parametrize(("chapter", "stub"), STUBS, ids=NAMES)
def test_each_wrong_answer_is_told_by_name(chapter, stub):
    check, _ = check_of(chapter, stub)
    assert len(check.wrong) >= 3
    assert len({wrong.says for wrong in check.wrong}) == len(check.wrong)
    for wrong in check.wrong:
        verdict = check.verdict(wrong.answer)
        assert f"Not yet: {wrong.says}." in verdict, f"{wrong.answer}: {verdict}"
        assert "expected" in verdict and "got" in verdict and f"Try: {wrong.hint}." in verdict


@pytest.mark.parametrize(("chapter", "stub"), STUBS, ids=NAMES)
def test_two_slips_at_once_are_told(chapter, stub):
    """Unless they make one of the others, or cancel."""
    check, _ = check_of(chapter, stub)
    for one, other in combinations(check.wrong, 2):
        if both := two_slips(one, other):
            verdict = check.verdict(both)
            named = "two slips at once" in verdict or verdict.startswith("Right")
            assert named or any(f"Not yet: {w.says}." in verdict for w in check.wrong), verdict


@pytest.mark.slow
@pytest.mark.parametrize("chapter", PRACTISED)
def test_all_solutions_run_in_their_chapter(chapter, monkeypatch, capsys):
    """After the code of the chapter that they need, which the build runs whole."""
    cells = []
    for cell in jupytext.read(BOOK / f"{chapter}.md").cells:
        if cell.cell_type == "code":
            cells.append((cell.source, cell.source.startswith("from checks.")))
        for found in course.DIRECTIVE.finditer(cell.source):
            if found["name"] in ("exercise", "solution"):
                code = re.findall(r"^```python\n(.*?)^```$", found["text"], re.S | re.M)
                cells += [(written, True) for written in code]
    monkeypatch.chdir(BOOK)
    names = {}
    with matplotlib.rc_context():
        exec(needed(cells), names)
    plt.close("all")
    for stub in stubs(chapter):
        capsys.readouterr()
        exec(call := stub.splitlines()[-1], names)  # of the solution now
        said = capsys.readouterr().out
        assert said.startswith("Right."), f"{call}: {said}"


CELLS = [
    ("import torch\na, b = 1, [2]\nc = torch.ones(9)", False),
    ("for i in range(3):\n    b.append(i)\nd = {}\nd['x'] = c\nprint(d)", False),
    ("def f(x):\n    c = x + a\n    return c", False),
    ("e = f(b[0]) + len([i for i in b])\nprint(e)", True),
]


def test_what_some_code_needs_of_what_stands_before_it():
    kept = needed(CELLS)
    assert "torch" not in kept and "d[" not in kept and "print(d)" not in kept
    names = {}
    exec(kept, names)
    assert names["e"] == 3 + 4
    assert "append" not in needed([*CELLS[:2], ("b = 0", False), ("print(b, a)", True)])


# A check


def double(values):
    return [2 * v for v in values]


CHECK = Check(
    right=double,
    cases=(([1.0, 2.0],), ([3.0],)),
    axes=("step",),
    wrong=(Wrong(lambda values: [v * v for v in values], "this is the square", "multiply by 2"),),
    praise="Well done.",
)


def raises(values):
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (double, "Right. Well done."),
        (lambda values: torch.tensor(values) * 2, "Right."),
        (lambda values: [torch.tensor(2 * v) for v in values], "Right."),
        (lambda values: [v**2 for v in values], "Not yet: this is the square.\n"),
        (lambda values: [v**2 for v in values], "([1, 2]), step 0: expected 2, got 1\n"),
        (lambda values: [v**2 for v in values], "Try: multiply by 2."),
        (lambda values: [2, 4] if len(values) == 2 else [7], "([3]), step 0: expected 6, got 7"),
        (lambda values: [2 * values[0]], "expected the shape (2,), got (1,)"),
        (lambda values: [math.nan] * len(values), "expected 2, got nan"),
        (lambda values: None, "not written yet"),
        (lambda values: ..., "not written yet"),
        (lambda values: [2, 4] if len(values) == 2 else None, "([3]) returns nothing"),
        (lambda values: "2, 4", "returns '2, 4', a str, which is not a tensor of numbers"),
        (lambda: [2, 4], "raises TypeError"),
        (raises, "raises([1, 2]) raises KeyError: 'no such thing'"),
        ([2, 4], "expected a function, got [2, 4], a list"),
        (lambda values: (values, [2 * v for v in values]), "a tuple of 2: return its part 2 alone"),
        (lambda values: (values, values), "a tuple of 2: return what is asked for alone"),
        (lambda values: tuple(2 * v for v in values), "Right."),
        (lambda values: torch.tensor([[2 * v for v in values]]), "look at keepdim and squeeze"),
        (lambda values: torch.zeros(3, 4), "which one should be gone?"),
        (lambda values: [math.inf * 0] * len(values), "infinity times 0"),
        (lambda values: [2 * values[-1]] * len(values), "append a copy, as .clone()"),
        (lambda values: values.clone(), "the input is a list"),
        (lambda values: values[len(values)], "the last index is the length - 1"),
        (lambda values: torch.zeros(2, 3) + torch.zeros(2), "keepdim=True"),
        (lambda values: [v * 2 for v in torch.tensor(values) if torch.zeros(2) > 1], "torch.where"),
    ],
)
def test_a_check_says_what_is_wrong_and_never_raises(answer, verdict, capsys):
    CHECK(answer)
    assert verdict in capsys.readouterr().out


def test_a_function_that_writes_into_its_input_does_not_spoil_the_cases():
    def answer(values):
        values[:] = [2 * v for v in values]
        return values

    assert CHECK.verdict(answer).endswith("(It changes what it is given. Work on a copy.)")
    assert CHECK.verdict(double).startswith("Right.")


def times(values, factor=2, plus=0):
    return [factor * v + plus for v in values]


def test_two_slips_of_one_function_are_told_together():
    slips = (
        Wrong(partial(times, factor=3), "the factor is 3", "multiply by 2"),
        Wrong(partial(times, factor=4), "the factor is 4", "multiply by 2"),
        Wrong(partial(times, plus=1), "1 is added", "leave it"),
    )
    check = Check(right=times, cases=CHECK.cases, wrong=slips, axes=("step",))
    verdict = check.verdict(lambda values: [3 * v + 1 for v in values])
    assert verdict.startswith("Not yet: two slips at once.\n")
    assert "the factor is 3. Try: multiply by 2." in verdict and "1 is added. Try: leave" in verdict
    assert two_slips(slips[0], slips[1]) is None, "one setting cannot have two values"
    assert two_slips(slips[0], CHECK.wrong[0]) is None


def test_where_an_input_is_too_large_to_print_the_check_says_where_it_is():
    values = torch.arange(20.0)
    check = Check(right=lambda v: v, cases=((values,),), wrong=(), axes=("step",))
    assert "it is .cases[0] of the check" in check.verdict(lambda v: v + 1)


# A quiz


def test_a_quiz_says_right_and_wrong_in_words_and_runs_no_script():
    html = quiz("the-interval-kernel").data
    assert html.count("<strong>Yes.</strong>") == 3
    assert html.count("<details") == html.count("<strong>") == html.count("<summary>")
    assert "<script" not in html and "http" not in html
    assert "<em>strictly earlier</em>" in html  # Markdown is read
