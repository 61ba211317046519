"""Queues and topics: which code sends to them and which receives, by the usual client libraries.

Kafka, RabbitMQ, NATS, Redis, SQS, Pub/Sub by the name of the topic; Celery and Sidekiq by the name
of the task. Above: linking. Below: texts of calls.
"""

from __future__ import annotations

import re
from itertools import islice

from agentos_memory.knowledge.extractors.call_text import (
    arguments,
    field_names,
    held_in,
    receiver_before,
)
from agentos_memory.knowledge.extractors.code_files import is_code, is_commented
from agentos_memory.knowledge.model import Extraction, Findings, Ref
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile

MAX_CALLS = 500
_SENDS = re.compile(
    r"(?:\.|->|::)\s*"
    r"(?P<verb>send|produce|publish|Publish|PublishWithContext|PublishAsync|ProduceAsync|basic_publish|basicPublish|"
    r"BasicPublish|BasicPublishAsync|sendToQueue|sendMessage|send_message|SendMessage|send_and_wait|"
    r"convertAndSend|xadd|lpush|rpush|emit|enqueue|writeMessages|send_task)(?=\()"
)
_RECEIVES = re.compile(
    r"(?:\.|->|::)\s*"
    r"(?P<verb>subscribe|Subscribe|QueueSubscribe|psubscribe|consume|Consume|ConsumeWithContext|basic_consume|"
    r"basicConsume|BasicConsume|BasicConsumeAsync|receive_message|receiveMessage|ReceiveMessage|xread|"
    r"blpop|brpop|subscriber)(?=\()"
)
_MADE = re.compile(
    r"\b(?P<verb>KafkaConsumer|AIOKafkaConsumer|SimpleConsumer|kafka\.NewReader|kafka\.ReaderConfig|"
    r"kafka\.Writer|kafka\.WriterConfig|sarama\.ProducerMessage|ProducerRecord|ProducerMessage)"
    r"(?:<[\w<>, ]{0,60}>)?(?=\s*[({])"
)
_LISTENS = re.compile(
    r"@(?P<verb>KafkaListener|RabbitListener|SqsListener|JmsListener|StreamListener|EventPattern|MessagePattern)(?=\()"
)
_MESSAGING = re.compile(
    r"kafka|rabbit|amqp|pika|nats|redis|sqs|pubsub|pub_sub|sarama|kombu|stomp|mqtt|jms|queue|broker|"
    r"celery|sidekiq|eventbus|event_bus|ServiceBus",
    re.IGNORECASE,
)
# Who is spoken to: an answer to a request is "sent" too.
_IS_BROKER = re.compile(
    r"produc|kafka|chan|queue|mq|amqp|rabbit|nats|jet|redis|sqs|sns|pub|bus|broker|topic|template|"
    r"subject|client|conn|session|consum|stream|writer|reader|exchange|celery|^(?:nc|js|ch|r|sub|app)$",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"^(?:(?:topics?|queues?|routing_key|routingKey|subject|channel|Topic|queue_url|QueueUrl|QueueURL|"
    r"destination|stream)\s*[:=]\s*)",
)
_INSIDE = re.compile(
    r"(?:\b[tT]opics?|\bqueues?|\bQueueU(?:rl|RL)|\brouting_key|\broutingKey)\s*[:=]\s*[\[{]?\s*(?P<value>['\"`][^'\"`\n]{1,200}['\"`]|[\w.]{2,80})"
)
_LITERAL = re.compile(
    r"^[\[{(]?\s*(?:\[\]string\{|listOf\(|List\.of\()?\s*[rbf]?['\"`](?P<name>[^'\"`\n]{1,200})['\"`]"
)
_IDENTIFIER = re.compile(r"^[\[{(]?\s*(?:listOf\()?(?P<name>[A-Za-z_$][\w$.]{1,80})")
_TOPIC = re.compile(r"[A-Za-z][\w.:/-]{1,120}")
_LAST_TEXT = re.compile(r"['\"`](?P<name>[A-Za-z][\w.:/-]{1,120})['\"`]")
_EXCHANGES = frozenset({"publish", "Publish", "PublishWithContext", "basicPublish", "BasicPublish",
                        "BasicPublishAsync", "convertAndSend", "basic_publish"})  # fmt: skip
# A task by its name: Celery's, and Sidekiq's.
_TASK = re.compile(
    r"^[ \t]*@(?:shared_task|\w*(?:app|celery|dramatiq|huey)\w*\.(?:task|actor)|dramatiq\.actor)\b"
    r"[^\n]{0,200}\n(?:[ \t]*@[^\n]{0,200}\n){0,5}[ \t]*(?:async[ \t]+)?def[ \t]+(?P<name>\w+)",
    re.MULTILINE,
)
_DELAYED = re.compile(r"\.(?:delay|apply_async|perform_async|perform_in|perform_later|s|si)(?=\()")
_WORKER = re.compile(
    r"^[ \t]*class\s+(?P<name>[A-Z]\w+)[^\n]*\n(?:[^\n]*\n){0,30}?[ \t]*def\s+perform\b",
    re.MULTILINE,
)


def _extract(file: SourceFile) -> Extraction:
    findings = Findings(file.path)
    if _MESSAGING.search(file.text):
        for pattern, is_sent in (
            (_SENDS, True),
            (_RECEIVES, False),
            (_MADE, None),
            (_LISTENS, False),
        ):
            for match in islice(pattern.finditer(file.text), MAX_CALLS):
                _note(findings, file, match, is_sent)
    _note_tasks(findings, file)
    return findings.extraction()


def _note(findings: Findings, file: SourceFile, match: re.Match[str], is_sent: bool | None) -> None:
    text, verb = file.text, match["verb"]
    opened = (
        match.end()
        + len(text[match.end() : match.end() + 20])
        - len(text[match.end() : match.end() + 20].lstrip())
    )
    is_method = match[0][:1] in ".-:"
    if is_method and not _IS_BROKER.search(receiver_before(text, match.start())):
        return
    if is_commented(text, match.start()):
        return
    given = arguments(text, opened)
    found = _topic(given, verb, text, match.start())
    if found is None:
        return
    name, position = found
    if is_sent is None:
        is_sent = "Consumer" not in verb and "Reader" not in verb
    line = file.line_at(match.start())
    topic = findings.entity("topic", name, line, "message topic", "inferred")
    if is_sent:
        carries = _carried(given, position, text, match.start())
        source = findings.code(line)
        findings.edge(source, "writes", topic, line, "message sent", "inferred", carries)
    else:
        below = text.find("\n", match.end()) + 1 if match[0].startswith("@") else match.start()
        receiver = findings.code(file.line_at(below))
        findings.edge(receiver, "reads", topic, line, "message received", "inferred")


def _topic(given: list[str], verb: str, text: str, before: int) -> tuple[str, int] | None:
    """The topic's name and which argument holds it."""
    stated = [
        (value, n)
        for n, argument in enumerate(given[:6])
        if (value := _named_value(argument)) is not None
    ]
    # Of exchange and routing key the latter names what is bound to a queue.
    positions = [1, 2, 0] if verb in _EXCHANGES and len(given) > 2 else [0]
    plain = [(given[n], n) for n in positions if n < len(given) and not _NAMED.match(given[n])]
    for value, position in [*stated, *plain]:
        name = _text_of(value, text, before)
        if name is not None:
            return name, position
    return None


def _named_value(argument: str) -> str | None:
    named = _NAMED.match(argument)
    if named is not None:
        return argument[named.end() :]
    inside = _INSIDE.search(argument) if argument[:1] in "{&" or "{" in argument[:60] else None
    return None if inside is None else inside["value"]


def _text_of(value: str, text: str, before: int) -> str | None:
    """The name that an expression gives: a text, or a variable that was given one above."""
    literal = _LITERAL.match(value)
    if literal is None:
        variable = _IDENTIFIER.match(value)
        if variable is None:
            return None
        held = held_in(text, variable["name"].rpartition(".")[2], before)
        texts = [m["name"] for m in _LAST_TEXT.finditer(held)]
        # The last one is what a default says; a name in capitals is the environment's.
        return next((t for t in reversed(texts) if not t.isupper()), None)
    name = literal["name"].rstrip("/").rpartition("/")[2] if "://" in value else literal["name"]
    return name if _TOPIC.fullmatch(name) else None


def _carried(given: list[str], position: int, text: str, before: int) -> str:
    parts = []
    for argument in given[:6]:
        inner = re.search(
            r"(?:value|body|message|dumps|stringify|Value|Body)\s*[:=(]+\s*(?:\w+\.)?(?:dumps\(|stringify\()?(?P<name>[A-Za-z_]\w*)",
            argument,
        )
        variable = inner["name"] if inner is not None else argument
        parts.append(argument)
        if re.fullmatch(r"[A-Za-z_]\w*", variable):
            parts.append("{" + held_in(text, variable, before) + "}")
    return field_names(" ; ".join(parts))


def _note_tasks(findings: Findings, file: SourceFile) -> None:
    for pattern, rule, suffix in ((_TASK, "task", ".py"), (_WORKER, "worker", ".rb")):
        if not file.path.endswith(suffix):
            continue
        for match in islice(pattern.finditer(file.text), MAX_CALLS):
            line = file.line_at(match.start("name"))
            topic = findings.entity("topic", match["name"], line, f"{rule} definition")
            findings.edge(findings.code(line), "reads", topic, line, f"{rule} run")
    for match in islice(_DELAYED.finditer(file.text), MAX_CALLS):
        name = receiver_before(file.text, match.start())
        if name and not is_commented(file.text, match.start()):
            line = file.line_at(match.start())
            carries = field_names(",".join(arguments(file.text, match.end())))
            task = findings.code(line)
            findings.edge(
                task,
                "writes",
                Ref("topic", name),
                line,
                "task queued",
                "inferred",
                carries,
            )


MESSAGES = KnowledgeExtractor(
    "messages",
    1,
    is_code,
    _extract,
    (b"send", b"Send", b"ublish", b"produce", b"Produce", b"onsume", b"ubscri", b"Kafka", b"kafka",
     b"Listener", b".delay(", b"apply_async(", b"perform", b"task", b"xadd", b"push(", b"emit("),
)  # fmt: skip
