"""Which variables are secrets, and where they do not go."""

from __future__ import annotations

import os

import pytest

from evalkit.secrecy import helper_environment, is_secret_name, secrets_hidden, without_secrets


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EVALKIT_API_KEY", True), ("OPENAI_API_KEY", True), ("HF_TOKEN", True), ("AWS_SECRET_ACCESS_KEY", True),
        ("GITHUB_PAT", True), ("DB_PASSWORD", True), ("APIKEY", True), ("MY_KEY_2", True), ("openai_api_key", True),
        ("PGPASSWORD", True), ("MYSQL_PWD", True), ("SSHPASS", True), ("OPENAI_KEY2", True), ("HFTOKEN", True),
        ("GITHUB_TOKEN_RO", True), ("GOOGLE_CREDENTIALS_JSON", True), ("PWD", False), ("OLDPWD", False),
        ("TOKENIZERS_PARALLELISM", False), ("PATH", False), ("HF_TOKEN_PATH", False), ("KEYBOARD", False),
        ("SSH_AUTH_SOCK", False), ("EVALKIT_DATA", False), ("MONKEY", False),
    ],
)  # fmt: skip
def test_a_name_says_whether_it_is_a_secret(name: str, expected: bool) -> None:
    """Keys, tokens, passwords; not what merely sounds like them."""
    assert expected is is_secret_name(name)


def test_a_helper_gets_neither_keys_nor_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs stays: paths, proxies, pip's own settings."""
    for name in ("EVALKIT_API_KEY", "PYTHONPATH", "PIP_INDEX_URL", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "value")

    found = helper_environment()

    assert {"PIP_INDEX_URL", "HTTPS_PROXY", "PATH"} <= found.keys()
    assert set() == {"EVALKIT_API_KEY", "PYTHONPATH"} & found.keys()
    assert "1" == found["PYTHONSAFEPATH"]


def test_workers_inherit_no_keys_but_the_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """While they are started; afterwards everything is as it was, also after an error."""
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    for name in ("EVALKIT_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, "value")

    with pytest.raises(RuntimeError), secrets_hidden():
        seen = dict(os.environ)
        raise RuntimeError

    assert (False, True, "1") == ("EVALKIT_API_KEY" in seen, "HF_TOKEN" in seen, seen["PYTHONSAFEPATH"])
    assert "value" == os.environ["EVALKIT_API_KEY"]


def test_short_values_and_paths_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in texts by chance, or are no key at all."""
    monkeypatch.setenv("A_KEY", "none")
    monkeypatch.setenv("B_KEY", "/home/me/key")

    assert "none of /home/me/key" == without_secrets("none of /home/me/key")
