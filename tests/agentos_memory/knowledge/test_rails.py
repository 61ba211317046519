"""Tables of a Rails application, who reads and writes them, and the way from a route to a column."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Kernel
from agentos_memory.knowledge.extractors.active_record import table_name
from tests.agentos_memory.repositories import call, make_repository

pytestmark = pytest.mark.anyio

FILES = {
    "db/schema.rb": """ActiveRecord::Schema[8.0].define(version: 2) do
  create_table "charges", force: :cascade do |t|
    t.bigint "user_id", null: false
    t.integer "cents", default: 0
    t.index ["user_id"], name: "index_charges_on_user_id"
  end

  create_table "users", force: :cascade do |t|
    t.string "email"
  end

  add_foreign_key "charges", "users"
end
""",
    "db/migrate/20240101_create_charges.rb": """class CreateCharges < ActiveRecord::Migration[8.0]
  def change
    create_table :charges do |t|
      t.references :user
    end
    add_column :charges, :cents, :integer
  end
end
""",
    "app/models/charge.rb": "class Charge < ApplicationRecord\n  belongs_to :user\nend\n",
    "app/controllers/charges_controller.rb": """class ChargesController < ApplicationController
  def create
    Charge.create!(user_id: params[:user_id], cents: 5)
    Helper.find("no table")
  end

  def index
    Charge.where(user_id: 1).order(:cents)
  end
end
""",
    "config/routes.rb": """Rails.application.routes.draw do
  post "/charges", to: "charges#create"
end
""",
}


async def test_schema_migrations_and_queries_of_rails_are_linked(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(tmp_path / "rails", FILES)
    await call(kernel, "index_repository", path=str(root))

    async def rows(query: str) -> list[list[object]]:
        found: list[list[object]] = (await call(kernel, "query_graph", query=query))["rows"]
        return found

    assert await rows("MATCH (t:table)-[:contains]->(c:column) RETURN DISTINCT c.name ORDER BY c.name") == [
        ["charges.cents"], ["charges.user_id"], ["users.email"],
    ]  # fmt: skip
    assert ["charges", "users", 12] in await rows(
        "MATCH (a:table)-[r:depends_on]->(b:table) RETURN a.name, b.name, r.line"
    )
    assert ["db/migrate/20240101_create_charges.rb", "charges.cents", 6] in await rows(
        "MATCH (m:migration)-[r:writes]->(c:column) RETURN m.name, c.name, r.line"
    )
    reads = await rows("MATCH (f)-[r:reads]->(t:table) RETURN f.name, t.name, r.line")
    index = "app/controllers/charges_controller.rb:ChargesController.index"
    assert reads == [[index, "charges", 8]], "a class without a table reads none"
    found = await call(
        kernel, "find_paths",
        from_node="endpoint:POST /charges", to_node="column:charges.user_id",
    )  # fmt: skip
    hops = found["paths"][0]["hops"]
    assert [hop["line"] for hop in hops] == [2, 3]
    assert hops[0]["to"].endswith("ChargesController.create")


@pytest.mark.parametrize(
    ("model", "table"),
    [("Charge", "charges"), ("InvitationRequest", "invitation_requests"), ("Category", "categories"),
     ("Person", "people"), ("Box", "boxes"), ("Day", "days"), ("TaxBranch", "tax_branches")],
)  # fmt: skip
def test_tables_are_named_as_rails_does(model: str, table: str) -> None:
    assert table_name(model) == table
