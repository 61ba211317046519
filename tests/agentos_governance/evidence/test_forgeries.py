"""Every forgery shows, to `agentos evidence verify` and to the verifier in the packet alike.

An outsider changes a packet without the key. An insider holds the key and signs a lie: what they
can sign is bounded by the events, whose hashes are in the tree that they signed.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from agentos import canonical_json
from agentos.identity.key_ring import rotate_key
from agentos_governance.evidence.command_line import evidence
from agentos_governance.evidence.dsse import sign_envelope
from tests.agentos_governance.evidence.sample_packets import (
    CONTENTS,
    START,
    read_lines,
    read_statement,
    sample_events,
    sample_keys,
    sha256,
    sign_again,
    write_lines,
    write_sample,
)

FIRST = sha256(CONTENTS[0])
Forge = Callable[[Path, "Hands"], None]


class Hands:
    """What a forger has at hand: the key, another key, another packet."""

    def __init__(self, home: Path) -> None:
        sample_keys(home / "own")
        self.keys = rotate_key(home / "own" / "keys" / "evidence.key", START)
        self.other_keys = sample_keys(home / "other")
        self.other = home / "WO-2"
        write_sample(self.other, self.keys, work_order="WO-2")


# What an outsider can do.


def _remove(folder: Path, hands: Hands) -> None:
    (folder / "files" / FIRST).unlink()


def _add(folder: Path, hands: Hands) -> None:
    (folder / "files" / ("0" * 64)).write_bytes(b"x")


def _add_hidden(folder: Path, hands: Hands) -> None:
    (folder / ".hidden").write_bytes(b"x")


def _add_folder(folder: Path, hands: Hands) -> None:
    (folder / "more").mkdir()


def _swap(folder: Path, hands: Hands) -> None:
    other = folder / "files" / sha256(CONTENTS[1])
    (folder / "files" / FIRST).write_bytes(CONTENTS[1])
    other.write_bytes(CONTENTS[0])


def _truncate(folder: Path, hands: Hands) -> None:
    (folder / "files" / FIRST).write_bytes(CONTENTS[0][:-1])


def _link(folder: Path, hands: Hands) -> None:
    path = folder / "files" / FIRST
    path.rename(folder.parent / "moved")
    path.symlink_to(folder.parent / "moved")


def _link_folder(folder: Path, hands: Hands) -> None:
    (folder / "files").rename(folder.parent / "moved-files")
    (folder / "files").symlink_to(folder.parent / "moved-files")


def _pipe(folder: Path, hands: Hands) -> None:
    (folder / "claims.jsonl").unlink()
    os.mkfifo(folder / "claims.jsonl")


def _reorder_claims(folder: Path, hands: Hands) -> None:
    write_lines(folder, "claims.jsonl", read_lines(folder, "claims.jsonl")[::-1])


def _other_key(folder: Path, hands: Hands) -> None:
    content = (folder / "statement.json").read_bytes()
    envelope = canonical_json(sign_envelope(content, hands.other_keys.private_key))
    (folder / "statement.dsse.json").write_bytes(envelope)


def _other_statement(folder: Path, hands: Hands) -> None:
    shutil.copy(hands.other / "statement.json", folder)


def _other_envelope(folder: Path, hands: Hands) -> None:
    shutil.copy(hands.other / "statement.dsse.json", folder)


def _other_both(folder: Path, hands: Hands) -> None:
    _other_statement(folder, hands)
    _other_envelope(folder, hands)


def _two_signatures(folder: Path, hands: Hands) -> None:
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    envelope["signatures"] *= 2
    (folder / "statement.dsse.json").write_bytes(canonical_json(envelope))


def _no_signature(folder: Path, hands: Hands) -> None:
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    envelope["signatures"] = []
    (folder / "statement.dsse.json").write_bytes(canonical_json(envelope))


def _other_payload_type(folder: Path, hands: Hands) -> None:
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    envelope["payloadType"] = "text/plain"
    (folder / "statement.dsse.json").write_bytes(canonical_json(envelope))


def _other_payload(folder: Path, hands: Hands) -> None:
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    other = json.loads((hands.other / "statement.dsse.json").read_bytes())
    envelope["payload"] = other["payload"]
    (folder / "statement.dsse.json").write_bytes(canonical_json(envelope))


def _other_key_id(folder: Path, hands: Hands) -> None:
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    envelope["signatures"][0]["keyid"] = hands.other_keys.current.key_id
    (folder / "statement.dsse.json").write_bytes(canonical_json(envelope))


def _more_in_the_envelope(folder: Path, hands: Hands) -> None:
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    envelope["note"] = "trust me"
    (folder / "statement.dsse.json").write_bytes(canonical_json(envelope))


def _other_verifier(folder: Path, hands: Hands) -> None:
    (folder / "verify_packet.py").write_text("print('verified')\n", "utf-8")


OUTSIDER: dict[str, Forge] = {
    f.__name__.strip("_"): f
    for f in (
        _remove, _add, _add_hidden, _add_folder, _swap, _truncate, _link, _link_folder, _pipe,
        _reorder_claims, _other_key, _other_statement, _other_envelope, _other_both,
        _two_signatures, _no_signature, _other_payload_type, _other_payload, _other_key_id, _more_in_the_envelope,
        _other_verifier,
    )
}  # fmt: skip


def _statement_leaf(path: tuple[str | int, ...]) -> Forge:
    """One value of the statement changed, in it and in the envelope, under the old signature."""

    def forge(folder: Path, hands: Hands) -> None:
        statement = read_statement(folder)
        _change(statement, path)
        content = canonical_json(statement)
        envelope = json.loads((folder / "statement.dsse.json").read_bytes())
        new = sign_envelope(content, hands.other_keys.private_key)
        new["signatures"] = envelope["signatures"]
        (folder / "statement.json").write_bytes(content)
        (folder / "statement.dsse.json").write_bytes(canonical_json(new))

    return forge


# What an insider can do.


def _signed(change: Callable[[dict[str, Any]], None]) -> Forge:
    """The statement changed and signed with the right key."""

    def forge(folder: Path, hands: Hands) -> None:
        statement = read_statement(folder)
        change(statement)
        sign_again(folder, hands.keys, statement)

    return forge


def _line_field(name: str, line: int, path: tuple[str | int, ...]) -> Forge:
    """One value of one line changed, every digest made to fit, and signed."""

    def forge(folder: Path, hands: Hands) -> None:
        lines = read_lines(folder, name)
        _change(lines[line], path)
        write_lines(folder, name, lines)
        sign_again(folder, hands.keys)

    return forge


def _signed_lines(change: Callable[[list[Any], list[Any], dict[str, Any]], None]) -> Forge:
    def forge(folder: Path, hands: Hands) -> None:
        claims, proofs = (read_lines(folder, n) for n in ("claims.jsonl", "proofs.jsonl"))
        statement = read_statement(folder)
        change(claims, proofs, statement["predicate"])
        write_lines(folder, "claims.jsonl", claims)
        write_lines(folder, "proofs.jsonl", proofs)
        sign_again(folder, hands.keys, statement)

    return forge


def _reordered(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    claims.reverse()
    proofs.reverse()


def _other_event(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    for name in ("event", "path"):
        proofs[0][name] = proofs[1][name]
    claims[0]["event_hash"] = claims[1]["event_hash"]


def _other_proof(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    proofs[0], proofs[1] = proofs[1], proofs[0]


def _dropped(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    del claims[0], proofs[0]


def _twice(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    claims.insert(0, claims[0])
    proofs.insert(0, proofs[0])
    predicate["claims"] += 1


def _raised(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    claims[1]["level"] = "observed"


def _raised_by_nobody(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    claims[1]["level"] = "reviewed"


def _raised_by_a_rejection(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    claims[1]["level"] = "reviewed"
    predicate["votes"] = [{"verdict": "reject"}]


def _fresh_event(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    """An event that says what the forger wants, with a hash that fits it."""
    proofs[0]["event"]["data"]["claim"] = claims[0]["claim"] = "something grander"
    claims[0]["event_hash"] = sha256(canonical_json(proofs[0]["event"]))


def _foreign_event(claims: list[Any], proofs: list[Any], predicate: dict[str, Any]) -> None:
    event = sample_events("WO-2")[2]
    del event["hash"]
    proofs[0]["event"] = json.loads(json.dumps({**event, "at": "2026-03-01T09:00:02.000000Z"}))
    claims[0]["event_hash"] = sha256(canonical_json(proofs[0]["event"]))


def _downgrade(statement: dict[str, Any]) -> None:
    statement["predicateType"] = "https://agentos.dev/evidence/v1"


def _other_type(statement: dict[str, Any]) -> None:
    statement["_type"] = "https://in-toto.io/Statement/v0.1"


def _no_tree(statement: dict[str, Any]) -> None:
    del statement["predicate"]["event_tree"]


def _smaller_tree(statement: dict[str, Any]) -> None:
    statement["predicate"]["event_tree"]["size"] -= 1
    statement["predicate"]["event_head"]["seq"] -= 1


def _other_work_order(statement: dict[str, Any]) -> None:
    statement["predicate"]["work_order"] = "WO-2"


def _subject_left_out(statement: dict[str, Any]) -> None:
    statement["subject"] = [s for s in statement["subject"] if s["name"] != "proofs.jsonl"]


def _subject_twice(statement: dict[str, Any]) -> None:
    statement["subject"] = [statement["subject"][0], *statement["subject"]]


def _wrong_previous(statement: dict[str, Any]) -> None:
    statement["predicate"]["event_tree"]["previous"]["root"] = "b" * 64


def _other_signer(statement: dict[str, Any]) -> None:
    statement["predicate"]["signer"]["key_id"] = "c" * 64


def _empty_chain(statement: dict[str, Any]) -> None:
    statement["predicate"]["signer"]["chain"] = []


INSIDER: dict[str, Forge] = {
    **{
        f.__name__.strip("_"): _signed(f)
        for f in (
            _downgrade, _other_type, _no_tree, _smaller_tree, _other_work_order, _subject_twice, _subject_left_out,
            _wrong_previous, _other_signer, _empty_chain,
        )
    },
    **{
        f.__name__.strip("_"): _signed_lines(f)
        for f in (
            _reordered, _other_event, _other_proof, _dropped, _twice, _raised, _raised_by_nobody,
            _raised_by_a_rejection, _fresh_event, _foreign_event,
        )
    },
}  # fmt: skip


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list) and value:
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _leaves(value[key], (*path, key))
    else:
        yield path


def _change(value: Any, path: tuple[str | int, ...]) -> None:
    """Another value at a path, of the same type where it has one."""
    for key in path[:-1]:
        value = value[key]
    old = value[path[-1]]
    if isinstance(old, bool) or old is None:
        value[path[-1]] = not old
    elif isinstance(old, int):
        value[path[-1]] = old + 1
    elif isinstance(old, str):
        value[path[-1]] = ("b" if old[:1] != "b" else "c") + old[1:]
    else:
        value[path[-1]] = ["x"]


# Nobody but the signer says these: when the first key began, when the head was (which only rings
# with an end are compared with), and the name of the packet before, beside its tree.
UNBOUND = {("at",), ("previous", "packet_sha256"), ("chain", 0, "not_before")}


def _all_forgeries(folder: Path) -> dict[str, Forge]:
    statement = read_statement(folder)
    forgeries = {**OUTSIDER, **INSIDER}
    for path in _leaves(statement):
        forgeries[f"statement {path}"] = _statement_leaf(path)
    for name in ("claims.jsonl", "proofs.jsonl"):
        for number, line in enumerate(read_lines(folder, name)):
            for path in _leaves(line):
                forgeries[f"{name} {number} {path}"] = _line_field(name, number, path)
    trees = ("event_head", "event_tree", "file_tree", "signer", "claims")
    for tree in trees:
        for path in _leaves(statement["predicate"][tree]):
            if path in UNBOUND:
                continue
            forgeries[f"signed {tree} {path}"] = _signed(
                partial(_change, path=("predicate", tree, *path))
            )
    return forgeries


def _standalone(folders: list[Path], verifier: Path) -> dict[str, bool]:
    """What the exported verifier says, in a Python that cannot import agentos."""
    code = f"""
import sys
sys.dont_write_bytecode = True
sys.path.append({next(p for p in site.getsitepackages() if Path(p).is_dir())!r})
import importlib.util, json, pathlib
assert importlib.util.find_spec("agentos") is None
assert importlib.util.find_spec("agentos_governance") is None
spec = importlib.util.spec_from_file_location("verify_packet", {str(verifier)!r})
module = importlib.util.module_from_spec(spec)
sys.modules["verify_packet"] = module
spec.loader.exec_module(module)
folders = json.load(sys.stdin)
print(json.dumps({{f: module.check_packet(pathlib.Path(f)).ok for f in folders}}))
assert not [name for name in sys.modules if name.partition(".")[0].startswith("agentos")]
"""
    outcome = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        input=json.dumps([str(folder) for folder in folders]),
        capture_output=True,
        text=True,
        check=False,
        env={},
        timeout=120,
    )
    assert outcome.returncode == 0, outcome.stderr
    answers: dict[str, bool] = json.loads(outcome.stdout)
    return answers


def test_both_verifiers_find_every_forgery(tmp_path: Path) -> None:
    hands = Hands(tmp_path / "home")
    original = tmp_path / "WO-1"
    write_sample(original, hands.keys, previous=3)
    forgeries = _all_forgeries(original)
    assert len(forgeries) > 230
    folders: dict[str, Path] = {}
    for number, (name, forge) in enumerate(forgeries.items()):
        folder = tmp_path / "forged" / str(number) / "WO-1"
        shutil.copytree(original, folder)
        forge(folder, hands)
        folders[str(folder)] = folder
        result = CliRunner().invoke(evidence, ["verify", str(folder), "--json"])
        assert result.exit_code == 4, name
        document = json.loads(result.stdout)
        assert not document["ok"] and document["problems"], name
    answers = _standalone([*folders.values(), original], tmp_path / "WO-1" / "verify_packet.py")
    assert answers.pop(str(original)) is True
    assert not any(answers.values())
    assert set(answers) == set(folders)


def test_the_exported_verifier_runs_by_itself(tmp_path: Path) -> None:
    hands = Hands(tmp_path / "home")
    folder = tmp_path / "WO-1"
    write_sample(folder, hands.keys)
    packages = next(p for p in site.getsitepackages() if Path(p).is_dir())
    start = f"import sys, runpy; sys.path.append({packages!r}); sys.argv = sys.argv[1:]; "
    start += "runpy.run_path(sys.argv[0], run_name='__main__')"

    def run(*options: str) -> tuple[int, str]:
        script = str(folder / "verify_packet.py")
        outcome = subprocess.run(
            [sys.executable, "-I", "-S", "-c", start, script, str(folder), *options],
            capture_output=True,
            text=True,
            check=False,
            env={},
            timeout=60,
        )
        return outcome.returncode, outcome.stdout + outcome.stderr

    assert run() == (0, f"verified: 4 claims, 6 files, key {hands.keys.current.key_id}\n")
    code, text = run("--json", "--pin", hands.keys.current.key_id)
    assert code == 0 and json.loads(text)["is_key_pinned"] is True
    assert run("--pin", "d" * 64)[0] == 4
    assert run("--key", str(folder / "claims.jsonl"))[0] == 4
    _truncate(folder, hands)
    code, text = run()
    assert code == 4 and "was changed" in text


def test_reported_evidence_counts_as_reviewed_only_with_an_approval(tmp_path: Path) -> None:
    hands = Hands(tmp_path / "home")
    folder = tmp_path / "WO-1"
    write_sample(folder, hands.keys, votes=[{"verdict": "approve"}])
    _signed_lines(_raised_by_nobody)(folder, hands)
    assert CliRunner().invoke(evidence, ["verify", str(folder)]).exit_code == 0
    _signed_lines(_raised)(folder, hands)
    assert CliRunner().invoke(evidence, ["verify", str(folder)]).exit_code == 4


def test_a_later_packet_must_continue_the_earlier_one(tmp_path: Path) -> None:
    keys = sample_keys(tmp_path / "home")
    events = sample_events("WO-1")
    earlier, later = tmp_path / "earlier", tmp_path / "later"
    write_sample(earlier, keys, events=events[:4])
    write_sample(later, keys, events=events, previous=4)
    options = ["verify", str(later), "--earlier"]
    run = CliRunner().invoke
    assert run(evidence, [*options, str(earlier / "statement.json")]).exit_code == 0
    other = tmp_path / "rewritten"
    rewritten = copy.deepcopy(events[:4])
    rewritten[1]["hash"] = "a" * 64
    write_sample(other, keys, events=rewritten)
    result = run(evidence, [*options, str(other / "statement.json")])
    assert result.exit_code == 4 and "does not continue" in result.output
    write_sample(other, keys, work_order="WO-2")
    result = run(evidence, [*options, str(other / "statement.json")])
    assert result.exit_code == 4 and "another work order" in result.output
