"""Exercises and questions of each chapter: all parts there, checks bite, solutions pass."""

import importlib
import math
import re

import jupytext
import nbformat
import pytest
import torch
import torch.nn.functional as F
from checks import Check, Wrong
from nbclient import NotebookClient
from quizzes import questions, quiz

import snnlab
from book.tools import contents, course
from book.tools.contents import BOOK

CHAPTERS = contents.chapters()
BLOCK = r"^`{5}\{%s\}([^\n]*)\n:label: (\S+)\n(.*?)^`{5}$"
CELL = r"^```\{code-cell\} ipython3\n(.*?)^```$"


def source(chapter):
    return (BOOK / f"{chapter}.md").read_text(encoding="utf-8")


def exercises(chapter):
    """Kind ("Predict", "Build") -> (label, text)."""
    found = re.findall(BLOCK % "exercise", source(chapter), re.S | re.M)
    return {title.strip().split(":")[0]: (label, text) for title, label, text in found}


def solutions(chapter):
    """Label -> text."""
    found = re.findall(
        r"^`{5}\{solution\} (\S+)\n:class: dropdown\n(.*?)^`{5}$", source(chapter), re.S | re.M
    )
    return dict(found)


def stub(chapter):
    """The cell that the reader fills in; its last line calls the check."""
    cells = re.findall(CELL, source(chapter), re.S | re.M)
    (cell,) = [cell for cell in cells if cell.startswith("from checks.")]
    return cell


def module_of(chapter):
    return chapter.replace("-", "_")


def check_of(chapter):
    """The check, and the name of the function that it is called with."""
    module, name, call, function = re.search(
        r"from (checks\.\w+) import (\w+)\n.*\n(\w+)\((\w+)\)\n$", stub(chapter), re.S
    ).groups()
    assert call == name and module == f"checks.{module_of(chapter)}"
    return getattr(importlib.import_module(module), name), function


def run(code):
    names = {"math": math, "torch": torch, "F": F, "snnlab": snnlab}
    exec(code, names)
    return names


# What every chapter has


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_one_exercise_to_predict_and_one_to_build_with_hint_and_hidden_solution(chapter):
    found = exercises(chapter)
    assert list(found) == ["Predict", "Build"]
    assert source(chapter).count("{exercise}") == 2
    for kind, (label, text) in found.items():
        assert label.endswith(f"-{kind.lower()}")
        assert "```{dropdown} Hint\n" in text, f"{label} has no hint"
    assert list(solutions(chapter)) == [label for label, _ in found.values()]
    assert source(chapter).index("## Exercises") < source(chapter).index("## Check yourself")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_reader_finds_a_stub_and_a_check_that_says_so(chapter, capsys):
    cell = stub(chapter)
    assert "    ...  # your code\n" in cell
    run(cell)
    assert "not written yet" in capsys.readouterr().out


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_two_or_three_questions_with_one_right_answer_and_feedback_on_each(chapter):
    assert f'quiz("{chapter}")' in source(chapter)
    asked = questions(chapter)
    assert 2 <= len(asked) <= 3
    for question in asked:
        assert set(question) == {"misconception", "question", "choices"}
        assert question["misconception"] and question["question"].endswith("?")
        choices = question["choices"]
        assert 2 <= len(choices) <= 4
        assert [choice.get("right", False) for choice in choices].count(True) == 1
        for choice in choices:
            assert set(choice) <= {"text", "right", "feedback"}
            assert len(choice["feedback"].split()) >= 6
        for part in ("text", "feedback"):
            assert len({choice[part] for choice in choices}) == len(choices)
    places = [[c.get("right", False) for c in q["choices"]].index(True) for q in asked]
    assert len(set(places)) > 1, "the right answer stands at the same place in every question"


def test_each_chapter_has_its_check_and_its_quiz_and_each_of_them_a_chapter():
    checks = {path.stem for path in (BOOK / "checks").glob("*.py")} - {"__init__"}
    assert checks == {module_of(chapter) for chapter in CHAPTERS}
    assert {path.stem for path in (BOOK / "quizzes").glob("*.yml")} == set(CHAPTERS)


# The checks of the chapters


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_solution_passes_its_check(chapter, capsys):
    check, function = check_of(chapter)
    text = solutions(chapter)[exercises(chapter)["Build"][0]]
    code = re.search(r"^```python\n(.*?)^```$", text, re.S | re.M)[1]
    check(run(code)[function])
    assert capsys.readouterr().out.startswith("Right.")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_wrong_answer_is_told_by_name(chapter):
    check, _ = check_of(chapter)
    assert len(check.wrong) >= 3
    assert len({wrong.says for wrong in check.wrong}) == len(check.wrong)
    for wrong in check.wrong:
        verdict = check.verdict(wrong.answer)
        assert f"Not yet: {wrong.says}." in verdict, f"{wrong.answer.__name__}: {verdict}"
        assert "expected" in verdict and "got" in verdict and f"Try: {wrong.hint}." in verdict


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_all_solutions_run_in_their_chapter(chapter):
    cells = []
    for cell in jupytext.read(BOOK / f"{chapter}.md").cells:
        if cell.cell_type == "code":
            cells.append(cell.source)
        for found in course.DIRECTIVE.finditer(cell.source):
            if found["name"] in ("exercise", "solution"):
                cells += re.findall(r"^```python\n(.*?)^```$", found["text"], re.S | re.M)
    cells.append(stub(chapter).splitlines()[-1])  # the check, of the solution now
    made = nbformat.v4.new_notebook(metadata={"kernelspec": course.KERNEL})
    made.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    NotebookClient(made, timeout=600, resources={"metadata": {"path": str(BOOK)}}).execute()
    assert made.cells[-1].outputs[0].text.startswith("Right.")


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
    ],
)
def test_a_check_says_what_is_wrong_and_never_raises(answer, verdict, capsys):
    CHECK(answer)
    assert verdict in capsys.readouterr().out


def test_a_function_that_writes_into_its_input_does_not_spoil_the_cases():
    def answer(values):
        values[:] = [2 * v for v in values]
        return values

    assert CHECK.verdict(answer).startswith("Right.")
    assert CHECK.verdict(double).startswith("Right.")


# A quiz


def test_a_quiz_says_right_and_wrong_in_words_and_runs_no_script():
    html = quiz("the-interval-kernel").data
    assert html.count("<strong>Yes.</strong>") == 3
    assert html.count("<details") == html.count("<strong>") == html.count("<summary>")
    assert "<script" not in html and "http" not in html
    assert "<em>strictly earlier</em>" in html  # Markdown is read
