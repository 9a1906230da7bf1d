"""Which user the embedded servers run as: PostgreSQL refuses root, so root hands them to `nobody`."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OTHERS_MAY_ENTER = 0o001
OTHERS_MAY_READ_AND_RUN = 0o005


@dataclass(frozen=True)
class Account:
    """An unprivileged user every Unix has; nothing is added to the system."""

    uid: int
    gid: int

    def popen_options(self) -> dict[str, Any]:
        """What subprocess needs to run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def owns(self, path: Path) -> None:
        """Gives a file or directory to this user."""
        os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this user may go to `path` and run it, judged by what anybody may do."""
        path = path.resolve()
        enters = all(parent.stat().st_mode & OTHERS_MAY_ENTER for parent in path.parents)
        return enters and path.stat().st_mode & OTHERS_MAY_READ_AND_RUN == OTHERS_MAY_READ_AND_RUN


def server_account() -> Account | None:
    """The user to run servers as, or None where the present user can run them itself."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)
