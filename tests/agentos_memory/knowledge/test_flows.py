"""Where a value flows between services (issue 4): over HTTP, a queue, gRPC, into a column."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from agentos import Kernel
from agentos_memory.knowledge.extractors.call_text import arguments, field_names
from agentos_memory.knowledge.extractors.http_clients import HTTP_CALLS
from agentos_memory.knowledge.extractors.http_routes import HTTP_ROUTES
from agentos_memory.knowledge.extractors.messages import MESSAGES
from agentos_memory.knowledge.linking import link
from agentos_memory.knowledge.model import Extraction
from agentos_memory.knowledge.sources import SourceFile
from tests.agentos_memory.knowledge.polyglot import FILES
from tests.agentos_memory.repositories import call, make_repository, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(kernel: Kernel, tmp_path: Path) -> Path:
    root = make_repository(tmp_path / "polyglot", FILES)
    await call(kernel, "index_repository", path=str(root))
    return root


async def _hops(kernel: Kernel, **ends: Any) -> list[dict[str, Any]]:
    found = await call(kernel, "find_paths", **ends)
    assert found["paths"], found["explanation"]
    hops: list[dict[str, Any]] = found["paths"][0]["hops"]
    return hops


def _steps(hops: list[dict[str, Any]]) -> list[str]:
    return [hop["to"] for hop in hops if hop["kind"] != "contains"]


def _shown(root: Path, hop: dict[str, Any]) -> str:
    path, line = root / str(hop["path"]), int(hop["line"])
    return path.read_text().split("\n")[line - 1].strip()


async def test_where_user_id_flows_from_the_gateway_to_billing(kernel: Kernel, shop: Path) -> None:
    """The question of the issue: TypeScript, HTTP, Python, SQL, with a line for every hop."""
    hops = await _hops(
        kernel, from_node="service:gateway", to_node="service:billing", through="user_id"
    )
    sent = next(hop for hop in hops if hop["rule"] == "http call")
    assert sent["carries"] == ["userId", "cents"]
    assert _shown(shop, sent) == "await axios.post(`${BILLING_URL}/v1/charges`, { userId, cents });"
    received = next(hop for hop in hops if hop["rule"] == "http route")
    assert received["to"] == "function:billing.app.create_charge"
    assert _shown(shop, received) == '@router.post("/charges")'
    assert all(hop["tier"] in ("declared", "inferred", "exact", "typed") for hop in hops)
    assert all(_shown(shop, hop) for hop in hops)


async def test_a_value_is_followed_from_the_handler_into_the_column(
    kernel: Kernel, shop: Path
) -> None:
    hops = await _hops(
        kernel,
        from_node="gateway/server.ts:placeOrder",
        to_node="column:charges.user_id",
        through="user_id",
    )
    assert _steps(hops) == [
        "function:gateway/billing.ts:bill",
        "endpoint:POST /v1/charges (billing/app.py)",
        "function:billing.app.create_charge",
        "function:billing.store.save_charge",
        "column:charges.user_id",
    ]
    assert "INSERT INTO charges (user_id, cents)" in _shown(shop, hops[-1])


async def test_ways_through_what_the_goal_stores_end_in_it(kernel: Kernel, shop: Path) -> None:
    """No way leads on from the column; that billing writes it is what was asked for."""
    hops = await _hops(
        kernel,
        from_node="service:gateway",
        to_node="service:billing",
        through="column:charges.cents",
        kinds=["calls", "writes", "reads", "deployed_as"],
    )
    names = [hop["to"] for hop in hops]
    assert "function:billing.app.create_charge" in names


async def test_queues_and_grpc_are_crossed_with_what_they_carry(kernel: Kernel, shop: Path) -> None:
    hops = await _hops(
        kernel, from_node="service:billing", to_node="service:ledger", through="user_id"
    )
    sent = next(hop for hop in hops if hop["rule"] == "message sent")
    assert (sent["to"], sent["carries"]) == ("topic:ledger.charges", ["user_id", "cents"])
    assert _shown(shop, sent).startswith("producer.send(LEDGER_TOPIC")
    hops = await _hops(
        kernel, from_node="service:ledger", to_node="stock.server.keep", through="user_id"
    )
    called = next(hop for hop in hops if hop["rule"] == "grpc call")
    assert called["to"] == "rpc:Stock.Reserve" and "user_id" in called["carries"]
    assert _steps(hops)[-2:] == ["method:stock.server.Stock.Reserve", "function:stock.server.keep"]


async def test_calls_that_nobody_here_answers_lead_nowhere(kernel: Kernel, shop: Path) -> None:
    rows = (
        await call(
            kernel, "query_graph",
            query="MATCH (f)-[r:writes]->(e:endpoint) RETURN e.name, r.line, r.carries",
        )
    )["rows"]  # fmt: skip
    assert rows == [["POST /v1/charges (billing/app.py)", 6, "userId,cents"]]
    # Generated code answers nothing.
    rows = (
        await call(kernel, "query_graph", query="MATCH (f)-[:reads]->(e:rpc) RETURN f.path")
    )["rows"]  # fmt: skip
    assert rows == [["stock/server.py"]]
    error = await refusal(
        kernel, "find_paths",
        from_node="service:gateway", to_node="service:billing", through="no_such_field",
    )  # fmt: skip
    assert error["code"] == "not_found"


def _linked(*files: tuple[str, str]) -> set[tuple[str, str, str]]:
    """Kinds, code and names of the edges between what the files say."""
    found: list[Extraction] = []
    for path, text in files:
        source = SourceFile(path, text.encode())
        found += [each.extract(source) for each in (HTTP_ROUTES, HTTP_CALLS, MESSAGES)]
    known = link(found, [path for path, _ in files])
    return {(e.kind, e.source.name, e.target.name) for e in known.edges}


SERVERS = {
    "a/flask.py": '@bp.route("/pay/<int:id>", methods=["POST", "PUT"])\ndef pay(id): ...\n',
    "a/web.go": 'func main() {\n\tr.HandleFunc(base + "/pay/{id}", pay).Methods("POST")\n}\n',
    "a/gin.go": 'func main() {\n\tv1.POST("/pay/:id", pay)\n}\n',
    "a/mux.go": 'func main() {\n\tmux.HandleFunc("POST /pay/{id}", pay)\n}\n',
    "a/Pay.java": '@RequestMapping("/pay")\nclass Pay {\n  @PostMapping("/{id}")\n'
    "  public void pay(int id) {}\n}\n",
    "a/Pay.cs": 'class Pay {\n  [HttpPost("/pay/{id}")]\n  public void Go(int id) {}\n}\n',
    "a/pay.rb": "post '/pay/:id' do\n  1\nend\n",
    "a/pay.php": "<?php Route::post('/pay/{id}', [PayController::class, 'pay']);\n",
    "a/pay.rs": 'fn app() { Router::new().route("/pay/:id", post(pay)) }\n',
    "a/app/pay/[id]/route.ts": "export async function POST(request: Request) {}\n",
    "a/pay.controller.ts": "@Controller('pay')\nclass P {\n  @Post(':id')\n  pay(id: string) {}\n}\n",
    "a/urls.py": 'urlpatterns = [path("pay/<id>/", views.pay)]\n',
}
CLIENTS = {
    "b/x.py": 'requests.post(f"{PAY_URL}/pay/{id}", json={"user_id": 1})\n',
    "b/y.py": 'url = os.environ["PAY_URL"] + "/pay/" + id\nhttpx.post(url)\n',
    "b/z.py": 'requests.post("http://{host}:80/pay/{id}".format(host=H, id=1))\n',
    "b/x.js": 'fetch(`http://a:80/pay/${id}`, { method: "POST", body: b })\n',
    "b/y.js": "axios({ method: 'post', url: base + '/pay/' + id, data: { a } })\n",
    "b/x.go": 'http.NewRequest("POST", fmt.Sprintf("%s/pay/%s", url, id), nil)\n',
    "b/y.go": 'http.Post(url+"/pay/"+id, "application/json", body)\n',
    "b/x.java": 'restTemplate.postForObject(url + "/pay/" + id, body, String.class);\n',
    "b/x.cs": 'await client.PostAsJsonAsync($"/pay/{id}", order);\n',
    "b/x.rb": 'HTTParty.post("#{url}/pay/#{id}")\n',
    "b/x.php": '<?php $client->post($this->url . "/pay/" . $id);\n',
}


@pytest.mark.parametrize("server", SERVERS)
def test_routes_of_the_usual_frameworks_are_endpoints(server: str) -> None:
    client = ("b/x.py", CLIENTS["b/x.py"])
    edges = _linked((server, SERVERS[server]), client)
    sent = [target for kind, source, target in edges if (kind, source) == ("writes", "b/x.py:1")]
    assert len(sent) == 1 and sent[0].endswith(f" ({server})"), edges
    assert any(kind == "reads" and target == sent[0] for kind, _, target in edges)


@pytest.mark.parametrize("client", CLIENTS)
def test_calls_of_the_usual_clients_find_their_endpoint(client: str) -> None:
    text = CLIENTS[client]
    edges = _linked(("a/flask.py", SERVERS["a/flask.py"]), (client, text))
    line = text.count("\n")
    assert ("writes", f"{client}:{line}", "POST /pay/{} (a/flask.py)") in edges, edges


def test_a_host_decides_between_services_that_answer_alike() -> None:
    health = '@app.get("/health")\ndef health(): ...\n'
    files = [("user/app.py", health), ("cart/app.py", health)]
    named = 'requests.get("http://cart-service:80/health")\n'
    assert ("writes", "x.py:1", "GET /health (cart/app.py)") in _linked(*files, ("x.py", named))
    for unknown in ('requests.get(url + "/health")\n', 'requests.get("https://e.com/health")\n'):
        edges = _linked(*files, ("x.py", unknown))
        assert not any(kind == "writes" for kind, _, _ in edges), unknown
    one = _linked(files[0], ("x.py", 'requests.get("https://example.com/health")\n'))
    assert not any(kind == "writes" for kind, _, _ in one)


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [
        ("# pika\nchannel.basic_publish(exchange='', routing_key='mail', body=b)",
         "# pika\nchannel.basic_consume(queue='mail', on_message_callback=f)"),
        ("// amqp\nchannel.sendToQueue('mail', Buffer.from(x))",
         "// amqp\nchannel.consume('mail', f)"),
        ("// kafkajs\nawait producer.send({ topic: 'mail', messages: [] })",
         "// kafkajs\nawait consumer.subscribe({ topic: 'mail' })"),
        ("// nats\nnc.Publish(\"mail\", data)", "// nats\nnc.Subscribe(\"mail\", f)"),
        ("// kafka\nkafkaTemplate.send(\"mail\", x);",
         "// kafka\n@KafkaListener(topics = \"mail\")\nvoid on(String x) {}"),
        ("mail.delay(user_id)", "@shared_task\ndef mail(user_id): ..."),
    ],
)  # fmt: skip
def test_both_sides_of_a_queue_meet_in_its_topic(sender: str, receiver: str) -> None:
    suffix = {"#": "py", "/": "java" if "Listener" in receiver else "ts"}.get(sender[0], "py")
    edges = _linked((f"s.{suffix}", sender + "\n"), (f"r.{suffix}", receiver + "\n"))
    assert {(kind, source.partition(":")[0], target) for kind, source, target in edges} == {
        ("writes", f"s.{suffix}", "mail"), ("reads", f"r.{suffix}", "mail"),
    }  # fmt: skip


def test_an_answer_to_a_request_is_no_message() -> None:
    assert _linked(("a.js", "// redis\nres.send('OK')\nsocket.emit('hi')\n")) == set()


def test_arguments_end_where_the_call_ends_and_fields_are_named() -> None:
    text = 'f("a, )", {"x": [1, (2)], y: g(1)}, z=3) + h(9)'
    assert arguments(text, 1) == ['"a, )"', '{"x": [1, (2)], y: g(1)}', "z=3"]
    assert field_names('{"user_id": 1, userName: x}, { cents }, (a, b)') == "user_id,userName,cents"


@pytest.mark.parametrize("extractor", [HTTP_ROUTES, HTTP_CALLS, MESSAGES])
@pytest.mark.parametrize("path", ["x.py", "x.ts", "x.go", "x.java"])
def test_hostile_text_takes_no_time(extractor: Any, path: str) -> None:
    hostile = [
        "client.post(" * 5_000, "@app.route('/" + "a" * 50_000, "kafka.send('" * 5_000,
        "@Get(" * 5_000, "x = " * 10_000, "get '/x' " * 5_000, "class " * 5_000,
        "@RequestMapping('/x')" * 5_000, "\n" * 50_000, "class A\n" * 5_000 + "kafka",
        "fetch(" * 5_000 + "'" * 10_000,
    ]  # fmt: skip
    for text in hostile:
        began = time.thread_time()
        extractor.extract(SourceFile(path, text.encode()))
        # The slowest takes a second of an ordinary machine.
        assert time.thread_time() - began < 10, text[:30]
