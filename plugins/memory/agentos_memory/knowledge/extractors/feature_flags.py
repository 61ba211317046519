"""Feature flags that code asks for, by the calls of the usual client libraries."""

from __future__ import annotations

import re

from agentos_memory.knowledge.extractors.code_files import is_code, is_commented
from agentos_memory.knowledge.model import Extraction, Findings
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

_FLAG = r"['\"`:](?P<name>[A-Za-z][\w.:/-]{1,99})['\"`]?"
# LaunchDarkly, OpenFeature, django-waffle, Flipper: the method's name says it is a flag.
_ASKED = re.compile(
    r"\b(?P<rule>(?:bool|string|int|float|json|number)?[vV]ariation(?:Detail)?|"
    r"get_(?:boolean|string|integer|float|object)_value|"
    r"[gG]et(?:Boolean|String|Number|Integer|Double|Object)Value(?:Async)?|BooleanValue|"
    r"(?:flag|switch|sample)_is_active|flag_enabled|feature_enabled|useFlag|useFeatureFlag|"
    r"isFeatureEnabled|Flipper\.enabled\?)\(\s*(?:(?:request|self\.request|ctx|context)\s*,\s*)?"
    + _FLAG
)
# Unleash, GrowthBook and their kin: the receiver's name must say so, since the method's does not.
_ASKED_OF = re.compile(
    r"\b(?P<rule>(?:\w*(?:unleash|flags?|features?|growthbook|toggles?)\w*)(?:\(\))?\."
    r"(?:is_enabled|isEnabled|IsEnabled|is_on|isOn|is_active|enabled\?))\(\s*" + _FLAG,
    re.IGNORECASE,
)


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    for pattern in (_ASKED, _ASKED_OF):
        for match in pattern.finditer(file.text):
            if is_commented(file.text, match.start()):
                continue
            line = file.line_at(match.start())
            flag = findings.entity("feature_flag", match["name"], line, "flag client", "inferred")
            findings.edge(findings.code(line), "reads", flag, line, "flag client", "inferred")
    return findings.extraction()


FEATURE_FLAGS = KnowledgeExtractor(
    "feature flags",
    2,
    is_code,
    _extract,
    (b"ariation", b"_value(", b"Value(", b"is_active(", b"nabled", b"Flag(", b"isOn(", b"is_on("),
)
