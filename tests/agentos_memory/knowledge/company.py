"""A small company's repository: two services, a database, manifests, decisions, owners, history."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.agentos_memory.repositories import git, write_files

FILES = {
    "gateway/app.py": '''"""What customers talk to."""

import os

from gateway.orders import place_order


def handle(request: dict[str, str]) -> None:
    """One request."""
    # ADR-0007: orders are written before they are billed.
    place_order(request["user_id"])


def billing_url() -> str:
    return os.environ["BILLING_URL"]
''',
    "gateway/__init__.py": "",
    "gateway/orders.py": '''"""Orders."""


def place_order(user_id: str) -> None:
    """Store it."""
    connection.execute(
        """insert into orders (user_id, cents)
           values (%s, 0)""",
        [user_id],
    )
''',
    "gateway/Dockerfile": "FROM python:3.12\nENV GATEWAY_PORT=8080\nCOPY . .\n",
    "billing/__init__.py": "",
    "billing/charge.py": '''"""Money."""

import os


def charge_all() -> None:
    for row in connection.execute("SELECT o.user_id, o.cents FROM orders o WHERE o.paid = false"):
        charge(row)


def charge(row: object) -> None:
    if flags.is_enabled("new-billing"):
        os.getenv("BILLING_KEY")
''',
    "billing/Dockerfile": "FROM python:3.12\n",
    "db/migrations/0001_create_orders.sql": """create table users (
    id bigint primary key
);
create table orders (
    id bigint primary key,
    user_id bigint not null references users (id),
    cents bigint not null,
    paid boolean not null default false
);
create index orders_user on orders (user_id);
""",
    "deploy/gateway.yaml": """apiVersion: apps/v1
kind: Deployment
metadata:
  name: gateway
spec:
  template:
    metadata:
      labels: {app: gateway}
    spec:
      containers:
        - name: server
          image: registry.example/gateway:3
          env:
            - name: BILLING_URL
              value: http://billing:8080
            - name: BILLING_PASSWORD
              value: hunter2-is-secret
            - name: API_KEY
              valueFrom:
                secretKeyRef: {name: gateway-keys, key: api}
          envFrom:
            - configMapRef: {name: gateway-config}
---
apiVersion: v1
kind: Service
metadata:
  name: gateway
spec:
  selector: {app: gateway}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: gateway-config}
data:
  LEVEL: info
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front}
spec:
  rules:
    - http:
        paths:
          - path: /
            backend:
              service: {name: gateway, port: {number: 80}}
""",
    "deploy/billing.yaml": """apiVersion: apps/v1
kind: Deployment
metadata: {name: billing}
spec:
  template:
    metadata: {labels: {app: billing}}
    spec:
      containers:
        - {name: server, image: registry.example/billing:1}
---
apiVersion: v1
kind: Service
metadata: {name: billing}
spec:
  selector: {app: billing}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: charge-all}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
            - {name: job, image: registry.example/billing:1}
""",
    "deploy/broken.yaml": "apiVersion: v1\nkind: {{ .Values.kind }}\nmetadata: [}\n",
    "CODEOWNERS": "*            @example/everyone\n/billing/    @bob\n/billing/*.md\n",
    "docs/adr/0007-orders-first.md": """---
status: accepted
owner: ann
---
# 7. Orders are written first

Decided for `gateway/orders.py` and `orders`; see [the runbook](../runbooks/billing.md).
""",
    "docs/runbooks/billing.md": "# Billing is stuck\n\nLook at `service:billing` and `orders`.\n",
    "CHANGELOG.md": "# Changelog\n\n## 1.0\n",
    "binary.sql": "create table x (a int);\0",
}

SHOP_MODELS = {
    "shop/__init__.py": "",
    "shop/models.py": """from django.db import models


class Stamped(models.Model):
    created = models.DateTimeField()

    class Meta:
        abstract = True


class Customer(Stamped):
    mail = models.EmailField(db_column="email")


class Purchase(Stamped):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    cents = models.IntegerField()

    class Meta:
        db_table = "purchase"
        indexes = [models.Index(fields=["cents"], name="purchase_cents")]


class Cheap(Purchase):
    class Meta:
        proxy = True
""",
    "shop/views.py": """from shop.models import Customer, Purchase


def spend(mail: str) -> None:
    Purchase.objects.filter(
        customer__mail=mail
    ).update(cents=3)


def join(mail: str) -> None:
    customer = Customer(mail=mail)
    customer.save()
""",
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("mail", models.EmailField()),
            ],
        ),
    ]
""",
    "shop/migrations/0002_cents.py": """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="purchase", name="cents", field=models.IntegerField()
        ),
        migrations.RunSQL("update purchase set cents = 1"),
    ]
""",
    "ledger/tables.py": """from sqlalchemy import Column, ForeignKey, Integer, select


class Entry(Base):
    __tablename__ = "entry"
    id = Column(Integer, primary_key=True)
    purchase_id = Column(ForeignKey("purchase.id"))


def balance(session):
    return session.scalars(select(Entry.purchase_id))


def book(session):
    entry = Entry(purchase_id=1)
    session.add(entry)
""",
    "ledger/versions/a1.py": """from alembic import op
import sqlalchemy as sa

revision = "a1"
down_revision = None


def upgrade():
    op.create_table("entry", sa.Column("id", sa.Integer()))


def downgrade():
    op.drop_table("entry")
""",
    "ledger/versions/b2.py": """from alembic import op
import sqlalchemy as sa

revision = "b2"
down_revision = "a1"


def upgrade():
    op.add_column("entry", sa.Column("purchase_id", sa.Integer()))
    op.create_index("entry_purchase", "entry", ["purchase_id"])
""",
    "compose.yaml": """services:
  shop:
    build: ./shop
    environment:
      - DATABASE_HOST=db
      - DATABASE_PASSWORD=db
    depends_on:
      - db
  db:
    image: postgres:17
""",
    "infra/main.tf": """resource "aws_lambda_function" "mailer" {
  function_name = "mailer"
  role          = aws_iam_role.mailer.arn
  environment {
    variables = {
      MAIL_TOKEN = var.token
    }
  }
}

resource "aws_iam_role" "mailer" {
}
""",
    ".env.example": "DATABASE_HOST=localhost\nMAIL_TOKEN=abc-secret\n",
}


def commit_as(folder: Path, author: str, message: str, when: int) -> str:
    """Commit everything as `author` at a time in seconds; the new commit."""
    git(folder, "add", "--all")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": author,
        "GIT_AUTHOR_EMAIL": f"{author}@example.invalid",
        "GIT_COMMITTER_NAME": author,
        "GIT_COMMITTER_EMAIL": f"{author}@example.invalid",
        "GIT_AUTHOR_DATE": f"{when} +0000",
        "GIT_COMMITTER_DATE": f"{when} +0000",
    }
    subprocess.run(
        ["git", "commit", "--quiet", "--allow-empty", "-m", message],
        cwd=folder, env=environment, check=True,
    )  # fmt: skip
    return git(folder, "rev-parse", "HEAD")


def make_company(folder: Path) -> Path:
    """The repository with its history: Ann wrote it, Bob has changed billing since."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    write_files(folder, FILES)
    commit_as(folder, "Ann", "Start", 1_700_000_000)
    for number in range(4):
        write_files(folder, {
            "billing/charge.py": FILES["billing/charge.py"] + f"# {number}\n",
            "billing/Dockerfile": f"FROM python:3.{number + 10}\n",
        })  # fmt: skip
        last = commit_as(folder, "Bob", f"Change {number}", 1_730_000_000 + number)
    report = f"# Charged twice\n\nRoot cause: {last[:12]} in `billing/charge.py`\n"
    write_files(folder, {"docs/incidents/2024-11-02-charged-twice.md": report})
    commit_as(folder, "Ann", "Write the incident down", 1_730_100_000)
    return folder
