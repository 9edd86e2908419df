"""A checkpoint of train.py in, a GGUF that llama.cpp loads out (llama architecture, Q8_0 or F16)."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, quants

from checkpoint import check_tokenizer, load
from configurations import CONFIGURATIONS
from inputs import BadInputError, reporting
from model import Mini, Shape
from tokenizer import END, FILE, MIDDLE, PAD, PREFIX, REPOSITORY, SPECIAL, SUFFIX

# Names of the tensors of a block, ours and llama.cpp's.
BLOCK = {
    "attention_norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "feed_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
TYPES = {
    "q8_0": (gguf.LlamaFileType.MOSTLY_Q8_0, GGMLQuantizationType.Q8_0),
    "f16": (gguf.LlamaFileType.MOSTLY_F16, GGMLQuantizationType.F16),
}
FILL = {"pre": PREFIX, "suf": SUFFIX, "mid": MIDDLE, "pad": PAD, "rep": REPOSITORY, "sep": FILE}


def tensor_names(layers: int) -> dict[str, str]:
    """All tensors: the checkpoint's name to llama.cpp's."""
    names = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    for i in range(layers):
        names |= {f"blocks.{i}.{ours}.weight": f"blk.{i}.{theirs}.weight" for ours, theirs in BLOCK.items()}
    return names


def neighbours(weight: np.ndarray, heads: int) -> np.ndarray:
    """Re-orders the rows of q or k: we rotate the pairs (i, i + half) of a head, llama.cpp the pairs (2i, 2i + 1)."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def halves(weight: np.ndarray, heads: int) -> np.ndarray:
    """Undoes `neighbours`."""
    return weight.reshape(heads, -1, 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_vocabulary(writer: GGUFWriter, path: Path) -> None:
    """The tokenizer, its special tokens, and what llama.cpp needs to split text as the training did."""
    model = json.loads(path.read_text(encoding="utf8"))["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    if tokens[: len(SPECIAL)] != SPECIAL:
        raise BadInputError(f"{path} was not written by tokenizer.py: its first tokens are {tokens[: len(SPECIAL)]}")
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if i < len(SPECIAL) else normal for i in range(len(tokens))])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    # NB: without these llama.cpp takes 11, the token of GPT-2's vocabulary, for both.
    writer.add_bos_token_id(END)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    for name, token in FILL.items():
        writer.add_uint32(f"tokenizer.ggml.fim_{name}_token_id", token)


def write_shape(writer: GGUFWriter, shape: Shape) -> None:
    """The hyperparameters. `context_length` is the length that was trained on, not a wish."""
    writer.add_context_length(shape.length)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(shape.vocabulary)


def write_about(writer: GGUFWriter, name: str) -> None:
    """What it is, for whoever meets the file alone."""
    writer.add_name(name)
    writer.add_author("The CodeSage developers")
    writer.add_license("MIT OR Apache-2.0")
    writer.add_languages(["en"])
    writer.add_tags(["code", "fill-in-the-middle", "python", "rust"])
    writer.add_description(
        "Small code-completion model of the CodeSage language server, trained from scratch on permissively licensed Python and "
        "Rust. Prompt: [<|file_sep|>path\\n text]* <|fim_prefix|><|fim_suffix|> suffix <|fim_middle|> prefix"
    )


def untrained(shape: Shape) -> dict[str, Any]:
    """A checkpoint of no steps."""
    torch.manual_seed(0)
    return {"shape": asdict(shape), "model": Mini(shape).state_dict(), "step": 0, "used": 0.0}


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path)
    source.add_argument("--untrained", choices=list(CONFIGURATIONS), help="first weights, to compare a trained model with")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--type", choices=list(TYPES), default="q8_0", help="of the matrices; f16 shows what q8_0 costs")
    parser.add_argument("--name", default="codesage-mini", help="what the file calls the model")
    args = parser.parse_args()

    if args.untrained:
        checkpoint = untrained(CONFIGURATIONS[args.untrained].shape)
    else:
        checkpoint = load(args.checkpoint)
        check_tokenizer(args.checkpoint, checkpoint, args.tokenizer)
    shape = Shape(**checkpoint["shape"])
    writer = GGUFWriter(args.out, "llama")
    write_about(writer, args.name)
    write_shape(writer, shape)
    write_vocabulary(writer, args.tokenizer)
    file_type, tensor_type = TYPES[args.type]
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for ours, theirs in tensor_names(shape.layers).items():
        weight = checkpoint["model"][ours].float().numpy()
        if ours.endswith((".q.weight", ".k.weight")):
            weight = neighbours(weight, shape.heads)
        weight = np.ascontiguousarray(weight)
        if weight.ndim == 2:
            writer.add_tensor(theirs, quants.quantize(weight, tensor_type), raw_dtype=tensor_type)
        else:
            writer.add_tensor(theirs, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    count = sum(p.numel() for p in checkpoint["model"].values())
    print(
        f"{args.out.name}: {args.out.stat().st_size / 1e6:.2f} MB, {count / 1e6:.2f} M weights, "
        f"step {checkpoint['step']} after {checkpoint['used'] / 60:.1f} minutes, context {shape.length}"
    )


if __name__ == "__main__":
    reporting(main)
