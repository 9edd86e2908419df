"""Language models that say what a test tells them to: GGUF files of a megabyte, written here, read by the real engine.

A scripted model is an exact bigram table. Attention and feed-forward add nothing, so the hidden state is the embedding
of the last token, and each row of the output is the sum of the embeddings of the tokens it follows. A text that repeats
a character is cut into longer pieces, each one token, until no token needs two successors. The same construction as
`tests/support/tiny_model.rs`, which checks it; here it is enough that the editor shows the text.
"""

from __future__ import annotations

import random
import struct
from array import array
from pathlib import Path

END_OF_TEXT = "<|endoftext|>"
SPECIALS = (
    END_OF_TEXT,
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)
CHATML = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
HEADS, HEADS_KV, FEED_FORWARD = 4, 2, 64
ALIGNMENT = 32

# GGUF's numbers for the types of values that are written here.
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def scripted(path: Path, script: dict[str, str], layers: int = 1) -> Path:
    """Writes a model that says each text right after its token, a special or one byte, and then ends.

    More layers say the same more slowly.
    """
    following: dict[str, str] = {}
    pieces: list[str] = []
    left = dict(script)
    for after, text in sorted(script.items(), key=lambda item: len(item[1])):
        last, rest = after, text
        for piece in _cut(text, left):
            rest = rest[len(piece) :]
            left[piece] = rest
            if len(piece) > 1 and piece not in pieces:
                pieces.append(piece)
            following[last] = piece
            last = piece
        following[last] = END_OF_TEXT
    return _write(path, following, END_OF_TEXT, pieces, layers)


def counting(path: Path, layers: int) -> Path:
    """Writes a model that says the alphabet, a line at a time, and never ends: something to cancel."""
    following = {chr(c): chr(c + 1) for c in range(ord("a"), ord("z"))} | {"z": "\n"}
    return _write(path, following, "a", [], layers)


def _cut(text: str, left: dict[str, str]) -> list[str]:
    """The shortest pieces of `text` of which none is followed by something else already."""
    pieces: list[str] = []

    def free(start: int, end: int) -> bool:
        piece = text[start:end]
        return left[piece] == text[end:] if piece in left else piece not in pieces

    start = 0
    while start < len(text):
        end = next((end for end in range(start + 1, len(text) + 1) if free(start, end)), None)
        if end is None:  # All that is left is taken: begin earlier.
            end = len(text)
            while not free(start, end):
                assert pieces, f"{text!r} cannot be scripted"
                start -= len(pieces.pop())
        pieces.append(text[start:end])
        start = end
    return pieces


def _write(path: Path, following: dict[str, str], otherwise: str, pieces: list[str], layers: int) -> Path:
    tokens = [_symbol(byte) for byte in range(256)] + list(SPECIALS)
    spelled = {piece: "".join(_symbol(byte) for byte in piece.encode()) for piece in pieces}
    tokens += [token for token in dict.fromkeys(spelled.values()) if token not in tokens]
    numbers = {token: number for number, token in enumerate(tokens)}

    def number(text: str) -> int:
        return numbers[text if text in SPECIALS else "".join(_symbol(byte) for byte in text.encode())]

    rest = number(otherwise)
    successors = [rest] * len(tokens)
    for token, successor in following.items():
        successors[number(token)] = number(successor)
    width, embeddings, output = _bigram(successors, rest, 128)

    metadata = [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, path.stem),
        ("llama.context_length", U32, 2048),
        ("llama.embedding_length", U32, width),
        ("llama.block_count", U32, layers),
        ("llama.feed_forward_length", U32, FEED_FORWARD),
        ("llama.attention.head_count", U32, HEADS),
        ("llama.attention.head_count_kv", U32, HEADS_KV),
        ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "qwen2"),
        ("tokenizer.ggml.token_type", I32, [3 if 256 <= n < 256 + len(SPECIALS) else 1 for n in range(len(tokens))]),
        ("tokenizer.ggml.tokens", STRING, tokens),
        ("tokenizer.ggml.merges", STRING, []),
        ("tokenizer.ggml.bos_token_id", U32, 256),
        ("tokenizer.ggml.eos_token_id", U32, 256),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
        ("tokenizer.chat_template", STRING, CHATML),
    ]
    ones = array("f", [1.0]) * width
    tensors: list[tuple[str, tuple[int, ...], bytes]] = [
        ("token_embd.weight", (width, len(tokens)), embeddings.tobytes()),
        ("output_norm.weight", (width,), ones.tobytes()),
        ("output.weight", (width, len(tokens)), output.tobytes()),
    ]
    kv = HEADS_KV * (width // HEADS)
    for layer in range(layers):
        for name, shape in (
            ("attn_q", (width, width)),
            ("attn_k", (width, kv)),
            ("attn_v", (width, kv)),
            ("attn_output", (width, width)),
            ("ffn_gate", (width, FEED_FORWARD)),
            ("ffn_up", (width, FEED_FORWARD)),
            ("ffn_down", (FEED_FORWARD, width)),
        ):
            tensors.append((f"blk.{layer}.{name}.weight", shape, bytes(4 * shape[0] * shape[1])))
        tensors.append((f"blk.{layer}.attn_norm.weight", (width,), ones.tobytes()))
        tensors.append((f"blk.{layer}.ffn_norm.weight", (width,), ones.tobytes()))
    path.write_bytes(_gguf(metadata, tensors))
    return path


def _bigram(successors: list[int], otherwise: int, width: int) -> tuple[int, array, array]:
    """Embeddings and output, as wide as it takes for each scripted token to win clearly.

    The first coordinate of every embedding is 1, so that one row of the output, that of `otherwise`, can be raised for
    all tokens at once.
    """
    count, chance = len(successors), random.Random(0x7E57)
    embeddings = [[1.0] + [chance.choice((-1.0, 1.0)) for _ in range(width - 1)] for _ in range(count)]
    output = [[0.0] * width for _ in range(count)]
    for token, successor in enumerate(successors):
        if successor != otherwise:
            output[successor] = [a + b for a, b in zip(output[successor], embeddings[token])]
    # Between the logit of a scripted successor, `width`, and what chance gives.
    output[otherwise][0] += 0.6 * width
    rivals = {n: output[n] for n in set(successors)}
    for token, successor in enumerate(successors):
        logits = {n: sum(map(float.__mul__, row, embeddings[token])) for n, row in rivals.items()}
        wanted = logits.pop(successor)
        if wanted - 0.1 * width <= max(logits.values(), default=0.0):
            return _bigram(successors, otherwise, width * 2)
    flat = array("f", (x for row in embeddings for x in row)), array("f", (x for row in output for x in row))
    return width, *flat


def _symbol(byte: int) -> str:
    """The character that stands for a byte in a byte-level BPE vocabulary."""

    def printable(b: int) -> bool:
        return 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255

    return chr(byte) if printable(byte) else chr(256 + sum(not printable(b) for b in range(byte)))


def _gguf(metadata: list[tuple[str, int, object]], tensors: list[tuple[str, tuple[int, ...], bytes]]) -> bytes:
    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw

    def one(kind: int, value: object) -> bytes:
        if kind == STRING:
            return text(str(value))
        return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)

    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    for key, kind, value in metadata:
        out += text(key)
        if isinstance(value, list):
            out += struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(one(kind, item) for item in value)
        else:
            out += struct.pack("<I", kind) + one(kind, value)
    offset = 0
    for name, shape, data in tensors:
        out += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        offset += -(-len(data) // ALIGNMENT) * ALIGNMENT
    for data in [b""] + [data for _, _, data in tensors]:
        out += bytes(-len(out) % ALIGNMENT) + data
    return bytes(out)
