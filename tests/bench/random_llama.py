"""A Llama of 30.7 million random weights as GGUF (576 wide, 6 layers, 9 heads, 3 of keys, 1536 in its MLP, vocabulary 8192,
head not tied), and a text of 6,000 tokens for it, one byte each. Needs python3-gguf.

random_llama.py DIR    writes DIR/random.gguf, DIR/random.txt (for llama-finetune) and DIR/random.jsonl (for vkift)
"""
import json
import random
import sys
from pathlib import Path

import gguf
import numpy

WIDTH, LAYERS, HEADS, KEY_HEADS, INNER, VOCABULARY, CONTEXT, TOKENS = 576, 6, 9, 3, 1536, 8192, 256, 6000
KEYS = WIDTH // HEADS * KEY_HEADS


def add_tokenizer(writer):
  """Three control tokens, 256 bytes, and words that nothing merges into: every byte of a text is a token."""
  words = [f"word{i}" for i in range(VOCABULARY - 259)]
  kinds = gguf.TokenType
  writer.add_tokenizer_model("llama")
  writer.add_token_list(["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), *words])
  writer.add_token_scores([0.0] * 259 + [-float(i) for i in range(len(words))])
  writer.add_token_types([kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256, *[kinds.NORMAL] * len(words)])
  writer.add_bos_token_id(1)
  writer.add_eos_token_id(2)
  writer.add_unk_token_id(0)
  writer.add_add_bos_token(False)
  writer.add_add_space_prefix(False)


def write_model(path):
  writer = gguf.GGUFWriter(path, "llama")
  writer.add_name("random")
  writer.add_context_length(CONTEXT)
  writer.add_embedding_length(WIDTH)
  writer.add_block_count(LAYERS)
  writer.add_feed_forward_length(INNER)
  writer.add_head_count(HEADS)
  writer.add_head_count_kv(KEY_HEADS)
  writer.add_rope_dimension_count(WIDTH // HEADS)
  writer.add_layer_norm_rms_eps(1e-5)
  writer.add_vocab_size(VOCABULARY)
  writer.add_file_type(gguf.LlamaFileType.ALL_F32)
  add_tokenizer(writer)
  draw = numpy.random.default_rng(1)
  shapes = {"token_embd": (VOCABULARY, WIDTH), "output_norm": (WIDTH,), "output": (VOCABULARY, WIDTH)}
  for i in range(LAYERS):
    shapes |= {f"blk.{i}.attn_norm": (WIDTH,), f"blk.{i}.attn_q": (WIDTH, WIDTH), f"blk.{i}.attn_k": (KEYS, WIDTH),
               f"blk.{i}.attn_v": (KEYS, WIDTH), f"blk.{i}.attn_output": (WIDTH, WIDTH), f"blk.{i}.ffn_norm": (WIDTH,),
               f"blk.{i}.ffn_gate": (INNER, WIDTH), f"blk.{i}.ffn_up": (INNER, WIDTH), f"blk.{i}.ffn_down": (WIDTH, INNER)}
  for name, shape in shapes.items():
    values = numpy.ones(shape) if len(shape) == 1 else 0.02 * draw.standard_normal(shape)
    writer.add_tensor(f"{name}.weight", values.astype(numpy.float32))
  writer.write_header_to_file()
  writer.write_kv_data_to_file()
  writer.write_tensors_to_file()
  writer.close()


def main():
  work = Path(sys.argv[1])
  letters = random.Random(1)
  text = "".join(letters.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(TOKENS))
  write_model(work / "random.gguf")
  (work / "random.txt").write_text(text)
  (work / "random.jsonl").write_text(json.dumps({"text": text}) + "\n")


main()
