"""A small Go module given as text, and what code beside it calls."""

from __future__ import annotations

from agentos_memory.model import Resolution
from tests.agentos_memory.sources import edges, resolve_repository

MODULE = {"go.mod": "module example.org/shop\n\ngo 1.21\n\nrequire example.org/other v1.2.3\n"}
STORE = {
    **MODULE,
    "store/store.go": """
        // Package store keeps items.
        package store

        // Item is one thing.
        type Item struct {
        \tName string
        \towner *Owner
        }

        type Owner struct{ Item }

        func (i Item) Title() string { return i.format() }
        func (i *Item) format() string { return i.Name }
        func (i *Item) Owner() (*Owner, error) { return i.owner, nil }
        """,
    "store/disk.go": """
        package store

        type Loader interface {
        \tLoad(key string) (*Item, error)
        }

        type Disk struct {
        \tcache map[string]*Item
        \tnext  Loader
        }

        func NewDisk(next Loader) *Disk { return &Disk{next: next} }

        func (d *Disk) Load(key string) (*Item, error) {
        \tif hit, ok := d.cache[key]; ok {
        \t\thit.Title()
        \t}
        \treturn d.next.Load(key)
        }
        """,
}
ITEM, DISK = "store/store.go:Item", "store/disk.go:Disk"


def resolution_of(body: str, imports: str = '"example.org/shop/store"') -> Resolution:
    """The resolution of the store and of `body` in a package beside it."""
    source = f"package main\n\nimport {imports}\n\n{body}\n"
    return resolve_repository({**STORE, "main.go": source})


def called_by_run(body: str, imports: str = '"example.org/shop/store"') -> set[str]:
    """What `run` in main.go calls, by the last part of the name."""
    found = edges(resolution_of(body, imports))
    return {target.rpartition(":")[2] for source, target in found if source == "main.go:run"}
