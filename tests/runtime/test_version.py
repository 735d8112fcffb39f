"""The code version."""

import re
from pathlib import Path

from runtime import version


def test_the_code_version_is_the_packages_version_and_a_digest() -> None:
    assert re.fullmatch(r"[0-9][0-9.]*\+[0-9a-f]{12}", version.code_version())


def test_the_digest_follows_the_sources_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "part" / "noun.py"
    source.parent.mkdir()
    source.write_text("a = 1\n")
    before = version.source_digest({"part": source.parent})
    (source.parent / "noun.pyc").write_bytes(b"\0")
    assert version.source_digest({"part": source.parent}) == before
    source.write_text("a = 2\n")
    assert version.source_digest({"part": source.parent}) != before


def test_the_digest_follows_a_files_name(tmp_path: Path) -> None:
    source = tmp_path / "noun.sql"
    source.write_text("select 1")
    before = version.source_digest({"part": tmp_path})
    source.rename(tmp_path / "other.sql")
    assert version.source_digest({"part": tmp_path}) != before
