"""The course: students get every exercise and no solution; every notebook stands on its own."""

import re
from collections import Counter

import nbformat
import pytest
from nbclient import NotebookClient

from book.tools import contents, course
from book.tools.contents import BOOK

CHAPTERS = contents.chapters()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("course")
    course.write(path)
    return path


def text(notebook, kind=None):
    return "\n".join(c.source for c in notebook.cells if kind in (None, c.cell_type))


def read(folder, audience, name):
    return nbformat.read(folder / audience / f"{course.files()[name]}.ipynb", as_version=4)


def parts(name, directive):
    """What stands in the chapter's exercises or solutions, line by line."""
    source = (BOOK / f"{name}.md").read_text(encoding="utf-8")
    return [
        [line for line in found["text"].splitlines() if len(line.split()) > 3 and line[0] != "`"]
        for found in course.DIRECTIVE.finditer(source)
        if found["name"] == directive
    ]


def test_the_course_has_all_chapters(folder):
    for audience in ("student", "instructor"):
        made = {path.stem for path in (folder / audience).glob("*.ipynb")}
        assert made == {*course.files().values()} > {"intro", f"01-{CHAPTERS[0]}"}
        assert (folder / audience / "checks" / "__init__.py").exists()


@pytest.mark.parametrize("name", CHAPTERS)
def test_students_get_no_solution_and_instructors_get_all(folder, name):
    student, instructor = (text(read(folder, who, name)) for who in ("student", "instructor"))
    solutions = parts(name, "solution")
    assert len(solutions) >= 2 and all(solutions)
    source = Counter((BOOK / f"{name}.md").read_text(encoding="utf-8").splitlines())
    seen = Counter(student.splitlines())
    for line, hidden in Counter(line for lines in solutions for line in lines).items():
        assert seen[line] <= source[line] - hidden, f"students see {line!r}"
        assert line in instructor
    assert "Solution" not in student
    assert instructor.count("**Solution.**") == len(solutions)


@pytest.mark.parametrize("name", CHAPTERS)
def test_students_get_every_exercise_with_hint_stub_and_check(folder, name):
    notebook = read(folder, "student", name)
    prose, code = text(notebook, "markdown"), text(notebook, "code")
    exercises = parts(name, "exercise")
    shown = re.findall(r"^\*\*Exercise \d+\.\d+\.\*\* ", prose, re.M)
    assert len(exercises) == len(shown) >= 2
    assert all(line in prose for lines in exercises for line in lines if "{" not in line[:16])
    source = (BOOK / f"{name}.md").read_text(encoding="utf-8")
    assert prose.count("<summary>Hint</summary>") == source.count("{dropdown} Hint\n") >= 2
    assert code.count("...  # your code") == source.count("...  # your code") >= 1
    assert "from checks." in code and "quiz(" in code


@pytest.mark.parametrize("audience", ["student", "instructor"])
@pytest.mark.parametrize("name", course.pages())
def test_a_notebook_is_valid_and_plain(folder, name, audience):
    notebook = read(folder, audience, name)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(
        not c.outputs and c.execution_count is None for c in notebook.cells if "outputs" in c
    )
    prose = text(notebook, "markdown")
    assert not re.search(r"\{[\w-]+\}`|^[`:]{3,}\{|^:::", prose, re.M), "MyST is left"
    assert prose.count("<details>") == prose.count("</details>")
    for address in re.findall(r"\]\(([^)]+)\)", prose):
        if not address.startswith("https://"):
            assert (folder / audience / address).exists(), f"{address} leads nowhere"


def test_the_same_course_comes_out_twice(folder, tmp_path):
    course.write(tmp_path)
    for file in folder.rglob("*.ipynb"):
        assert file.read_bytes() == (tmp_path / file.relative_to(folder)).read_bytes()


def test_what_is_not_known_is_not_passed_on_as_it_is():
    with pytest.raises(ValueError, match="does not know the directive {figure}"):
        course.plain("```{figure} x.png\n```\n", {}, False)
    with pytest.raises(ValueError, match="does not know the role {download}`x`"):
        course.plain("{download}`x`", {}, False)


def test_links_and_citations_are_plain_markdown():
    shown = course.plain(
        "[one](a.md) [two](b.md) {cite}`kim2021visual` {func}`~m.f`", {"a": "01-a"}, False
    )
    assert shown == (
        "[one](01-a.ipynb) two (in the book) "
        "([Kim and Panda, 2021](https://doi.org/10.1038/s41598-021-98448-0)) `m.f`"
    )


@pytest.mark.parametrize("name", CHAPTERS)
def test_title_and_exercises_have_the_numbers_of_the_book(folder, name):
    number = CHAPTERS.index(name) + 1
    prose = text(read(folder, "student", name), "markdown")
    assert prose.startswith(f"# {number}. ")
    found = re.findall(r"^\*\*(Exercise .*?)\.\*\* ", prose, re.M)
    assert found == [f"Exercise {number}.{i}" for i in range(1, len(found) + 1)]
    assert len(found) == len(parts(name, "exercise"))


def test_references_to_exercises_are_their_numbers():
    chapter = CHAPTERS.index("a-spiking-vgg") + 1
    labels = re.findall(r"^:label: (\S+)$", (BOOK / "a-spiking-vgg.md").read_text("utf-8"), re.M)
    number = f"{chapter}.{labels.index('vgg-build') + 1}"
    for text, shown in {
        "{numref}`vgg-build`": f"Exercise {number}",
        "{ref}`vgg-build`": f"Exercise {number}",
        "{numref}`number {number} <vgg-build>`": f"number {number}",
        "{ref}`stopping early <vgg-build>`": "stopping early",
    }.items():
        assert course.plain(text, {}, False) == shown
    with pytest.raises(ValueError, match="does not know the role {numref}`no-such-exercise`"):
        course.plain("{numref}`no-such-exercise`", {}, False)


@pytest.mark.slow
def test_a_student_notebook_runs_where_it_lies(folder):
    notebook = read(folder, "student", "the-interval-kernel")
    NotebookClient(notebook, resources={"metadata": {"path": str(folder / "student")}}).execute()
    printed = [o.text for c in notebook.cells for o in c.get("outputs", []) if "text" in o]
    assert any("not written yet" in said for said in printed)
