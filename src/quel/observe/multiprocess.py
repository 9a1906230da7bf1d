"""Metrics of several worker processes add up: the processes of one command count in files of one folder.

`dramatiq` starts its processes without a word about metrics, so quel finds the folder on its own: it is named
for the command's process id. Every process holds a shared lock on it for as long as it lives; a folder that
nobody holds belongs to a command that has ended, however it ended, and is removed by the next one to start.
"""

import fcntl
import multiprocessing
import os
import shutil
import tempfile
from pathlib import Path

from quel.core.errors import SettingsError

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_LOCK = "lock"


class MetricFiles:
    """This process's share of its command's folder."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor

    def leave(self) -> None:
        """Lets go of the folder, and removes it when no other process holds it; harmless twice."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(descriptor)


def count_in_files() -> MetricFiles:
    """Makes prometheus_client count in this command's folder. It must not have been imported before.

    Raises SettingsError where the folder for temporary files cannot be used.
    """
    root = Path(tempfile.gettempdir()) / f"quel-metrics-{os.getuid()}"
    try:
        root.mkdir(mode=0o700, exist_ok=True)
        if root.stat().st_uid != os.getuid():
            raise SettingsError(f"{root} belongs to another user; set TMPDIR to a folder of quel's own.")
        remove_abandoned(root)
        files = join(root / str(_command_pid()))
    except OSError as error:
        raise SettingsError(f"Metrics need {root}, which cannot be written ({error.strerror}).") from None
    os.environ[VARIABLE] = str(files.folder)
    return files


def join(folder: Path) -> MetricFiles:
    """Joins the processes that count in `folder`; the first one finds it empty, whatever was there."""
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for left_over in folder.glob("*.db"):
                left_over.unlink()
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if _is_the_file(descriptor, folder / _LOCK):
            return MetricFiles(folder, descriptor)
        os.close(descriptor)  # somebody removed the folder between our opening and our locking it


def remove_abandoned(root: Path) -> None:
    """Removes the folders of commands none of whose processes lives."""
    for lock in root.glob(f"*/{_LOCK}"):
        try:
            descriptor = os.open(lock, os.O_RDWR)
        except FileNotFoundError:
            continue  # another process was faster
        if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(lock.parent, ignore_errors=True)
        os.close(descriptor)


def _command_pid() -> int:
    """The process all worker processes of this command descend from: Dramatiq's master, or this one."""
    master = multiprocessing.parent_process()
    return os.getpid() if master is None or master.pid is None else master.pid


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    return True


def _is_the_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
