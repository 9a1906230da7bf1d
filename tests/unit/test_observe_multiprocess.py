import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from quel.core.errors import SettingsError
from quel.observe.multiprocess import count_in_files, join, remove_abandoned


def test_processes_of_one_command_share_a_folder_which_the_last_one_removes(tmp_path: Path) -> None:
    folder = tmp_path / "4711"
    first, second = join(folder), join(folder)
    (folder / "counter_1.db").write_bytes(b"counts")
    first.leave()
    assert (folder / "counter_1.db").exists()
    second.leave()
    assert not folder.exists()


def test_leaving_twice_is_harmless_to_those_who_stay(tmp_path: Path) -> None:
    first, second = join(tmp_path / "4711"), join(tmp_path / "4711")
    first.leave()
    first.leave()
    assert (tmp_path / "4711").exists()
    second.leave()


def test_a_command_whose_process_id_was_used_before_starts_at_zero(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "counter_7.db").write_bytes(b"counts of a container that was killed")
    files = join(folder)
    assert list(folder.glob("*.db")) == []
    files.leave()


def test_a_second_process_keeps_what_the_first_has_counted(tmp_path: Path) -> None:
    first = join(tmp_path / "4711")
    (tmp_path / "4711" / "counter_1.db").write_bytes(b"counts")
    second = join(tmp_path / "4711")
    assert (tmp_path / "4711" / "counter_1.db").exists()
    first.leave()
    second.leave()


def test_folders_of_killed_commands_are_removed_and_those_in_use_stay(tmp_path: Path) -> None:
    script = "import os, sys\nfrom pathlib import Path\nfrom quel.observe.multiprocess import join\n"
    script += "join(Path(sys.argv[1]))\nos.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "killed")], check=False)
    living = join(tmp_path / "living")
    assert (tmp_path / "killed").exists()
    remove_abandoned(tmp_path)
    assert [folder.name for folder in tmp_path.iterdir()] == ["living"]
    living.leave()


def test_prometheus_is_told_a_folder_of_this_command_for_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "somebody else's")
    files = count_in_files()
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(files.folder)
    assert files.folder.name == str(os.getpid())
    assert files.folder.parent.stat().st_mode & 0o077 == 0
    files.leave()


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match="cannot be written"):
        count_in_files()
