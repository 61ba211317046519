"""Which way of changing a setting loosens a check: lower minima, higher maxima, longer exceptions.

Above: thresholds_kept. Below: checker_settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentos_governance.gatekeeper.files.checker_settings import Value

_MINIMUM = re.compile(
    r"(fail[-_]under|coverageThreshold\.|thresholds?\.|check-coverage|min[-_]?coverage|\.target$"
    r"|^(nyc|c8)\.(lines|branches|functions|statements|check-coverage)|cov-fail-under|typeCheckingMode)"
)
_MAXIMUM = re.compile(
    r"(max[-_](complexity|args|branches|returns|statements|warnings|locals|attributes|nested)|maxWarnings"
    r"|mccabe|reruns|retries|retryTimes)"
)
_TIME = re.compile(r"timeout", re.IGNORECASE)
_LENGTH = re.compile(r"line[-_]length")
_STRICT = re.compile(
    r"(^|\.)(strict\w*|disallow_\w+|warn_\w+|no_implicit_\w+|check_untyped_defs|extra_checks|xfail_strict"
    r"|branch|show_missing|noImplicit\w+|strict[A-Z]\w+|noUnused\w+|noFallthrough\w+|noUnchecked\w+|alwaysStrict"
    r"|exactOptional\w+|checkJs|local_partial_types|strict_equality|report[A-Z]\w+|collectCoverage|check-coverage"
    r"|warnings_as_errors|errorOnDeprecated|bail)$"
)
_LENIENT = re.compile(
    r"(^|\.)(ignore_errors|ignore_missing_imports|allow_\w+|skipLibCheck|implicit_optional|implicit_reexport"
    r"|passWithNoTests|exit[-_]zero|allowJs|suppress\w+|skip_empty|follow_imports_for_stubs|no_site_packages)$"
)
_GROWING = re.compile(
    r"(^|\.)(ignore|extend-ignore|exclude|extend-exclude|force-exclude|omit|exclude_lines|exclude_also"
    r"|partial_branches|disable|disable_error_code|coveragePathIgnorePatterns|testPathIgnorePatterns|skips"
    r"|norecursedirs|ignorePatterns|per-file-ignores(\..*)?|extend-per-file-ignores(\..*)?|exclude_dirs|"
    r"watchPathIgnorePatterns|unsafe-fixes)$"
)
_SHRINKING = re.compile(
    r"(^|\.)(select|extend-select|enable|enable_error_code|testMatch|source|source_pkgs|files|packages"
    r"|collectCoverageFrom|lint\.select|extends|setupFilesAfterEach)$"
)
_LEVELS = {"off": 0, "0": 0, "0.0": 0, "warn": 1, "warning": 1, "1": 1, "1.0": 1, "error": 2, "2": 2, "2.0": 2,
           "none": 0, "basic": 1, "standard": 2, "strict": 3, "information": 0}  # fmt: skip
_STRICT_OPTIONS = re.compile(
    r"^(--strict|--strict-\w+|-Werror|-W|error|--cov-fail-under=?.*|--fail-on\S*)$"
)
_HIDING_OPTIONS = re.compile(
    r"^(--ignore(-glob)?(=.*)?|--deselect(=.*)?|-k|-k.+|--reruns(=.*)?|--no-cov|-p|no:\w+|--lf|--co(llect-only)?"
    r"|--last-failed|--exit-zero|--suppress-no-test-exit-code|--disable-warnings)$"
)
_ALWAYS = 1e-9


@dataclass(frozen=True, slots=True)
class Loosened:
    """One setting that asks for less than before."""

    name: str
    what: str
    is_serious: bool = True


def loosened_settings(old: Mapping[str, Value], new: Mapping[str, Value]) -> Iterator[Loosened]:
    """Every setting of a checker that asks for less; a whole tool that went is many of them."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        is_strict = old.get(f"{name.partition('.')[0]}.strict") is True
        found = _judged(name, before, after)
        if found is None and after is False and is_strict and _STRICT.search(name):
            is_for_tests = bool(re.search(r"\.overrides\.[\"']?tests?\b", name))
            found = Loosened(name, f"{name} is switched off", not is_for_tests)
        if found is not None:
            yield found


def _judged(name: str, before: Value | None, after: Value | None) -> Loosened | None:
    if name.endswith("addopts"):
        return _options(name, before, after)
    if name.startswith("eslint.rules."):
        return _rule(name, before, after)
    if name.endswith("filterwarnings"):
        return _warnings(name, before, after)
    if _GROWING.search(name):
        return _grown(name, before, after)
    if _SHRINKING.search(name):
        return _shrunk(name, before, after)
    if _STRICT.search(name) and _is_off(after) and before is not None and not _is_off(before):
        return Loosened(name, f"{name} was {_text(before)} and is {_text(after)}")
    if _LENIENT.search(name) and after is True and not before:
        is_for_one = ".overrides." in name and "ignore_errors" not in name
        return Loosened(name, f"{name} is set", not is_for_one and "skipLibCheck" not in name)
    return _number(name, before, after)


def _number(name: str, before: Value | None, after: Value | None) -> Loosened | None:
    if name.endswith("typeCheckingMode") and isinstance(before, str):
        if _LEVELS.get(str(after), 2) < _LEVELS.get(before, 2):
            return Loosened(name, f"{name} was {before} and is {_text(after)}")
        return None
    old, new = _as_number(before), _as_number(after)
    changed = f"{name} was {_text(before)} and is {_text(after)}"
    if _MINIMUM.search(name) and old is not None and (new is None or new < old - _ALWAYS):
        return Loosened(name, changed)
    if _MAXIMUM.search(name) and new is not None and (old is None or new > old + _ALWAYS):
        is_repeat = bool(re.search(r"reruns|retr", name))
        return Loosened(name, changed) if old is not None or (is_repeat and new > 0) else None
    if _LENGTH.search(name) and old is not None and new is not None and new > old:
        return Loosened(name, changed, is_serious=False)
    if _TIME.search(name) and old is not None and new is not None and new > old:
        return Loosened(name, changed, is_serious=new >= 3 * old)
    return None


def _options(name: str, before: Value | None, after: Value | None) -> Loosened | None:
    old, new = list(_list(before)), list(_list(after))
    gone = [each for each in old if each not in new and _STRICT_OPTIONS.match(each)]
    minimum = [each for each in new if each.startswith("--cov-fail-under")]
    for each in [*gone]:
        if each.startswith("--cov-fail-under") and minimum:
            was, now = _as_number(each.partition("=")[2]), _as_number(minimum[0].partition("=")[2])
            if was is not None and now is not None and now >= was:
                gone.remove(each)
    hiding = [each for each in new if each not in old and _HIDING_OPTIONS.match(each)]
    if "-m" in new and "-m" not in old:
        hiding.append("-m " + new[new.index("-m") + 1] if new[-1] != "-m" else "-m")
    if not gone and not hiding:
        return None
    parts = [
        f"without {' '.join(gone)}" if gone else "",
        f"with {' '.join(hiding)}" if hiding else "",
    ]
    return Loosened(name, f"{name} is now {' and '.join(filter(None, parts))}")


def _rule(name: str, before: Value | None, after: Value | None) -> Loosened | None:
    old, new = _level(before), _level(after)
    if old is not None and (new is None or new < old):
        return Loosened(name, f"{name} was {_text(before)} and is {_text(after)}")
    if old is None and new == 0:
        return Loosened(name, f"{name} is switched off")
    return None


def _warnings(name: str, before: Value | None, after: Value | None) -> Loosened | None:
    old, new = set(_list(before)), set(_list(after))
    if any(each.startswith("error") for each in old - new) and not any(
        each.startswith("error") for each in new
    ):
        return Loosened(name, f"{name}: warnings are no errors any more")
    added = sorted(each for each in new - old if each.startswith(("ignore", "default")))
    is_all = any(each in {"ignore", "default"} for each in added)
    return (
        Loosened(name, f"{name} has new exceptions: {', '.join(added)}", is_all) if added else None
    )


def _grown(name: str, before: Value | None, after: Value | None) -> Loosened | None:
    added = [each for each in _list(after) if each not in _list(before)]
    if not added or (name.startswith("typescript") and "exclude" in name):
        return None
    is_for_tests = bool(
        re.search(r"per-file-ignores\.[\"']?(tests?|\*\*/test|bench|scripts|docs|examples)", name)
    )
    is_for_one = "per-file-ignores" in name
    is_usual = all(
        re.search(
            r"TYPE_CHECKING|__main__|NotImplementedError|overload|abstractmethod|pragma|build|dist|venv|node_modules|migrations|generated",
            each,
        )
        for each in added
    )
    serious = not (is_for_tests or is_usual or is_for_one)
    return Loosened(name, f"{name} has new exceptions: {', '.join(added[:5])}", serious)


def _shrunk(name: str, before: Value | None, after: Value | None) -> Loosened | None:
    new = _list(after)
    gone = [each for each in _list(before) if each not in new and not _is_wider(each, new)]
    if not gone or (after is None and not name.startswith(("ruff", "eslint", "flake8", "pylint"))):
        return None
    return Loosened(name, f"{name} lost {', '.join(gone[:5])}")


def _is_wider(rule: str, rules: tuple[str, ...]) -> bool:
    """Whether a longer list names what a rule stood for, such as `ALL`, or `E` for `E501`."""
    return any(each in {"ALL", "."} or rule.startswith(each) for each in rules)


def _list(value: Value | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (_text(value),)


def _level(value: Value | None) -> int | None:
    first = _list(value)[0] if _list(value) else None
    return None if first is None else _LEVELS.get(first)


def _is_off(value: Value | None) -> bool:
    return value is None or value is False or value in ("none", "off", "false")


def _as_number(value: Value | None) -> float | None:
    if isinstance(value, bool) or value is None or isinstance(value, tuple):
        return None
    if isinstance(value, str):
        match = re.match(r"\s*(\d+(?:\.\d+)?)\s*(%|ms|s|m)?\s*$", value)
        return float(match[1]) if match else None
    return value


def _text(value: Value | None) -> str:
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return ", ".join(value)[:200]
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(value).lower()
        if isinstance(value, bool)
        else value[:200]
    )
