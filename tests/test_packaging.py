"""What is said of the package in several places is said alike, and the version stands once."""

import re
import tomllib
from pathlib import Path

import anglewise

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = {file.name: file.read_text() for file in (ROOT / ".github/workflows").glob("*.yml")}


def test_the_version_stands_in_pyproject_and_is_cited_alike():
    version = PROJECT["version"]
    cited = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited == [version]
    heading = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert heading in {"Unreleased", version}


def test_no_file_of_the_package_states_the_version():
    stated = re.compile(rf"""(?<![\w.]){re.escape(PROJECT["version"])}(?![\w.])""")
    code = [*(ROOT / "src/anglewise").rglob("*.py"), *(ROOT / "src/anglewise").rglob("*.[ch]")]
    texts = {
        file: re.sub(r'""".*?"""', "", file.read_text("utf-8"), flags=re.DOTALL) for file in code
    }
    assert [file.name for file, text in texts.items() if stated.search(text)] == []
    assert anglewise.__version__.startswith(tuple("0123456789"))


def test_the_pythons_that_are_declared_are_those_that_are_tested():
    prefix = "Programming Language :: Python :: 3."
    declared = [
        f"3.{c.removeprefix(prefix)}" for c in PROJECT["classifiers"] if c.startswith(prefix)
    ]
    for name, text in WORKFLOWS.items():
        for matrix in re.findall(r"python: \[(.*)\]", text):
            assert re.findall(r"[\d.]+", matrix) == declared, name
    assert PROJECT["requires-python"] == f">={declared[0]}"
    assert set(re.findall(r"(?:macos|windows|ubuntu)", WORKFLOWS["test.yml"])) == {
        *("macos", "windows", "ubuntu")
    }


def test_what_workflows_make_is_a_target_of_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = set()
    for text in WORKFLOWS.values():
        for words in re.findall(r"run: make ([a-z -]+)$", text, re.MULTILINE):
            made |= set(words.split())
        for words in re.findall(r"target: \[(.*)\]", text):
            made |= set(words.split(", "))
    assert {"test", "sbom", "licences", "check-workflows", "check-lowest", "check-wheel"} <= made
    assert made <= targets


def test_nothing_is_put_up_that_was_not_built_installed_and_tagged():
    text = WORKFLOWS["wheels.yml"]
    publish = text[text.index("  publish:") :]
    assert "needs: installed" in publish
    assert "startsWith(github.ref, 'refs/tags/v')" in publish
    assert re.search(r"environment:\n\s+name: pypi", publish)
    assert "id-token: write" in publish
    assert not re.search(r"(?i)password:|secrets\.|api.?token", text)
    assert text.index("permissions:\n  contents: read") < text.index("jobs:")


def test_extras_that_are_named_for_a_trial_exist():
    extras = set(PROJECT["optional-dependencies"])
    for name in ("Containerfile", ".github/workflows/test.yml", ".github/workflows/wheels.yml"):
        for named in re.findall(r"[.\w/]\[([a-z,0-9]+)\]", (ROOT / name).read_text()):
            assert set(named.split(",")) <= extras, name


def test_links_of_the_package_are_addresses_of_its_own():
    assert {"Source", "Issues", "Changelog", "Documentation"} <= set(PROJECT["urls"])
    assert all(url.startswith("https://") for url in PROJECT["urls"].values())
