"""A company's folder and its documents."""

import os
from pathlib import Path

import pytest

from kapelle.errors import UnreadableSource
from kapelle.evidence.model import sha256_of
from kapelle.incident.company import Company


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "acme"
    for name in ("policies", "docs", "tool_configs"):
        (root / name).mkdir(parents=True)
    (root / "policies" / "policy_v3.md").write_text("# Acme policy\n\nBe kind.\n", encoding="utf-8")
    (root / "docs" / "company_profile.md").write_text("No heading here\n", encoding="utf-8")
    (root / "tool_configs" / "slack.yaml").write_text("workspace: acme\n", encoding="utf-8")
    return root


def test_the_shipped_company_has_every_named_source() -> None:
    company = Company.open()
    named = {"policy_v1", "policy_v2", "governance_notes", "company_profile", "jira_config", "slack_config"}
    assert named | {"oncall_rota", "github_actions", "postgres_config"} <= set(company.sources)
    assert company.sources["slack_config"] == "tool_configs/slack.yaml"
    assert all(company.read(name).text for name in company.sources)


def test_names_follow_the_files_of_any_folder(folder: Path) -> None:
    assert dict(Company.open(folder).sources) == {
        "company_profile": "docs/company_profile.md",
        "policy_v3": "policies/policy_v3.md",
        "slack_config": "tool_configs/slack.yaml",
    }


def test_a_document_is_the_file_with_nothing_changed(folder: Path) -> None:
    text = "\ufeff# Über uns\r\n\r\nzwei\u2028drei\rvier \n"
    (folder / "docs" / "odd.md").write_bytes(text.encode())
    document = Company.open(folder).read("docs/odd.md")
    assert document.text == text
    assert document.sha256 == sha256_of(text)
    assert document.source == "docs/odd.md"


def test_the_title_is_the_first_heading_or_the_file_name(folder: Path) -> None:
    company = Company.open(folder)
    assert company.read("policy_v3").title == "Acme policy"
    assert company.read("company_profile").title == "company_profile.md"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.md",
        "docs/../../secret.md",
        "/etc/hosts",
        "docs",
        "docs/absent.md",
        "",
        ".",
        "docs/.env.md",
        "policy_v9",
        "a\0.md",
    ],
)
def test_nothing_outside_the_documents_is_read(folder: Path, path: str) -> None:
    (folder.parent / "secret.md").write_text("secret", encoding="utf-8")
    (folder / "docs" / ".env.md").write_text("secret", encoding="utf-8")
    with pytest.raises(UnreadableSource, match="policy_v3"):
        Company.open(folder).read(path)


def test_a_link_out_of_the_folder_is_neither_listed_nor_read(folder: Path) -> None:
    (folder.parent / "secret.md").write_text("secret", encoding="utf-8")
    (folder / "docs" / "link.md").symlink_to(folder.parent / "secret.md")
    company = Company.open(folder)
    assert "docs/link.md" not in company.files()
    assert "link" not in company.sources
    with pytest.raises(UnreadableSource):
        company.read("docs/link.md")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"PNG\0\0", "caf\xe9".encode("latin-1")])
def test_what_is_no_utf8_text_is_refused_by_name(folder: Path, content: bytes) -> None:
    (folder / "docs" / "bad.md").write_bytes(content)
    with pytest.raises(UnreadableSource, match=r"docs/bad\.md"):
        Company.open(folder).read("docs/bad.md")


def test_files_are_the_documents_sorted(folder: Path) -> None:
    (folder / "docs" / "photo.png").write_bytes(b"x")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.txt").write_text("x", encoding="utf-8")
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    files = Company.open(folder).files()
    assert files == ("docs/company_profile.md", "notes.txt", "policies/policy_v3.md", "tool_configs/slack.yaml")


@pytest.mark.parametrize("name", ["absent", "empty", "file.txt"])
def test_a_folder_that_is_no_company_is_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UnreadableSource) as caught:
        Company.open(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "policies/*.md" in str(caught.value)
    assert "KAPELLE_COMPANY_ROOT" in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_a_read_only_folder_can_be_used(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert Company.open(folder).read("policy_v3").text.endswith("kind.\n")
    finally:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
