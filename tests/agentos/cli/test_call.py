"""`agentos call` and `agentos report`, on a real database (INTERFACE section 1)."""

from __future__ import annotations

import pytest

from tests.agentos.cli.conftest import RunAgentos


def test_a_call_prints_one_json_document_and_its_progress_on_stderr(agentos: RunAgentos) -> None:
    answer = agentos(
        "call", "say", "text=2024", "times=3", 'tags=["a", "b"]', "price=0.10", "--json"
    )

    assert answer.code == 0
    assert answer.json()["said"] == {
        "text": "2024",
        "times": 3,
        "tags": ["a", "b"],
        "price": "0.10",
        "note": None,
        "as": "ada/admin",
        "work_order": None,
    }
    assert answer.err == "thinking\n"


def test_the_local_principal_has_the_configured_role_and_a_token_goes_before_it(
    agentos: RunAgentos,
) -> None:
    as_worker = agentos("call", "say", "text=x", "--json", AGENTOS_ROLE="worker")
    token = agentos("token", "create", "--worker", "bob", "--role", "reviewer").out.strip()
    with_token = agentos("call", "say", "text=x", "--json", "--token", token)

    assert as_worker.json()["said"]["as"] == "ada/worker"
    assert with_token.json()["said"]["as"] == "bob/reviewer"


def test_a_refused_call_exits_with_3_and_says_the_rule_and_the_remedy(agentos: RunAgentos) -> None:
    plain = agentos("call", "forbidden")
    as_json = agentos("call", "forbidden", "--json")

    assert (plain.code, plain.out) == (3, "")
    assert plain.err == (
        "agentos: call_refused: nobody may (rule house_rule); ask for another tool\n"
    )
    assert as_json.code == 3
    assert as_json.json()["error"]["code"] == "call_refused"
    assert as_json.json()["error"]["rule"] == "house_rule"


def test_a_call_over_its_budget_exits_with_3(agentos: RunAgentos) -> None:
    assert agentos("call", "overspend", "--json").code == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["say", "text=x", "colour=red"], "invalid_argument"),
        (["say", "times=many", "text=x"], "invalid_argument"),
        (["say", "text"], "invalid_argument"),
        (["say", "--args", "[1]"], "invalid_argument"),
        (["say", "text=@/nowhere"], "invalid_argument"),
        (["sya"], "not_found"),
        (["say", "text=x", "--token", "aos_forged"], "unauthenticated"),
    ],
)
def test_any_other_error_exits_with_1_and_is_one_object(
    agentos: RunAgentos, arguments: list[str], code: str
) -> None:
    answer = agentos("call", *arguments, "--json")

    assert answer.code == 1
    assert answer.json()["error"]["code"] == code
    assert len(answer.err.splitlines()) <= 1


def test_arguments_come_from_files_stdin_and_words_of_which_words_win(agentos: RunAgentos) -> None:
    answer = agentos(
        "call",
        "say",
        "--args",
        "-",
        "times=2",
        "--work-order",
        "WO-1",
        "--json",
        stdin='{"text": "from stdin", "times": 9}',
    )

    assert answer.json()["said"]["text"] == "from stdin"
    assert answer.json()["said"]["times"] == 2
    assert answer.json()["said"]["work_order"] == "WO-1"


def test_the_report_is_text_without_escape_sequences(agentos: RunAgentos) -> None:
    answer = agentos("report", "WO-1")

    assert answer.code == 0
    assert "Who did it?" in answer.out
    assert "[bold]ada[/bold] did it" in answer.out
    assert "\x1b" not in answer.out
    assert "bob" in answer.out


def test_the_page_of_a_report_escapes_what_it_shows(agentos: RunAgentos) -> None:
    page = agentos("report", "WO-1", "--format", "html").out

    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_report_as_json_is_the_tools_result(agentos: RunAgentos) -> None:
    assert agentos("report", "WO-1", "--format", "json").json()["cost"]["facts"]["usd"] == "0.10"
