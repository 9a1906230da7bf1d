"""What stands behind an option: read, or refused in one plain sentence; what quel says of itself."""

import pytest

from tests.integration.quel_command import run_quel

UNSET = {"DATABASE_URL": ""}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("stats --by nonsense", '"nonsense" is none of path, type, reason.'),
        ("usage --by nobody", '"nobody" is none of'),
        ("jobs --type video", '"video" is none of'),
        ("jobs --org me", '"me" is no id: an id is a UUID.'),
        ("jobs --status lost", '"lost" is no status'),
        ("dead list --queue lost", '"lost" is none of'),
        ("stats --since 1y", '"1y" is no duration'),
        ("retry --where", "requires an argument"),
        ("retry --where nonsense", "KEY=VALUE"),
        ("retry", "Say which: a job, or --where."),
        ("retry 0123456 --yes", "belong to --where"),
        ("cancel", "Say which: jobs, or --where."),
        ("cancel 0123456 --dry-run", "belong to --where"),
        ("bulk show 12", '"12" is no id'),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(words, says):
    answer = run_quel(UNSET, *words.split())
    assert answer.returncode == 2
    assert says in " ".join(answer.stderr.replace("│", " ").split())
    assert "Value error" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_it_says_which_release_it_is_and_completes_in_a_shell():
    from importlib.metadata import version

    assert run_quel(UNSET, "--version").stdout == f"quel {version('quel')}\n"
    assert "--install-completion" in run_quel(UNSET, "--help").stdout
