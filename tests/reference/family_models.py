"""Small random models with the features of the families' real configs, each as a Hugging Face directory and as GGUF."""
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 512
PLAIN = "{% for message in messages %}{{ message['content'] }}{% endfor %}"  # a chat template that adds nothing
POSITIONS = 256
# Of Llama's relatives: grouped queries, sizes that are no powers of two.
COMMON = {"vocab_size": VOCABULARY, "hidden_size": 72, "intermediate_size": 172, "num_hidden_layers": 3, "num_attention_heads": 6,
          "num_key_value_heads": 2, "max_position_embeddings": POSITIONS, "bos_token_id": 1, "eos_token_id": 2,
          "pad_token_id": None}
WINDOW = 24  # shorter than the texts, so that it matters
LONG = [[1.0 + 0.1 * i for i in range(6)], [1.0 + 0.7 * i for i in range(6)]]
FULL_AND_WINDOW = ["sliding_attention", "full_attention", "sliding_attention"]


@dataclass
class Case:
  name: str
  family: str  # of transformers' classes
  words: str  # what the table says of it
  config: dict
  pre: str  # the tokenizer: as GGUF names its pre-tokenizer; "spm": stories260K's, with byte fall-back
  gguf: str  # general.architecture; "" where llama.cpp does not have it
  common: dict = field(default_factory=lambda: COMMON)
  gguf_full: bool = True  # false: full training from GGUF would have to write a config.json that cannot say the rope scaling

  @property
  def config_class(self):
    return getattr(transformers, self.family + ("TextConfig" if self.family == "Gemma3" else "Config"))

  @property
  def model_class(self):
    return getattr(transformers, self.family + ("LMHeadModel" if self.family == "GPT2" else "ForCausalLM"))


def rope(kind: str = "default", theta: float = 10000.0, **more) -> dict:
  return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **more}}


CASES = [
  Case("llama", "Llama", "grouped queries, untied head", {"tie_word_embeddings": False}, "spm", "llama"),
  Case("llama-tied", "Llama", "tied head, Llama 3's rope scaling",
       {"tie_word_embeddings": True, **rope("llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                            original_max_position_embeddings=64)}, "llama-bpe", "llama",
       gguf_full=False),
  Case("llama-linear", "Llama", "linear rope scaling", {"tie_word_embeddings": False, **rope("linear", factor=4.0)}, "spm", "llama"),
  Case("mistral", "Mistral", "sliding window", {"sliding_window": WINDOW, "tie_word_embeddings": False}, "spm", ""),
  Case("qwen2", "Qwen2", "biases of q, k, v; untied head", {"tie_word_embeddings": False, **rope(theta=1e6)}, "qwen2", "qwen2"),
  Case("qwen2-tied", "Qwen2", "biases of q, k, v; tied head", {"tie_word_embeddings": True, **rope(theta=1e6)}, "qwen2", "qwen2"),
  Case("qwen3", "Qwen3", "q and k norms, heads wider than the model, tied head",
       {"head_dim": 20, "tie_word_embeddings": True, **rope(theta=1e6)}, "qwen2", "qwen3"),
  Case("qwen3-untied", "Qwen3", "q and k norms, untied head", {"head_dim": 12, "tie_word_embeddings": False, **rope(theta=1e6)},
       "qwen2", "qwen3"),
  Case("gpt2", "GPT2", "learned positions, layernorm, one fused projection, biases, tied head", {}, "gpt-2", "gpt2",
       {"vocab_size": VOCABULARY, "n_embd": 72, "n_inner": 172, "n_layer": 3, "n_head": 6, "n_positions": POSITIONS,
        "bos_token_id": 2, "eos_token_id": 2}),
  Case("gemma2", "Gemma2", "soft caps in attention and head, sliding windows of some layers, tied head",
       {"head_dim": 20, "query_pre_attn_scalar": 20, "sliding_window": WINDOW, "layer_types": FULL_AND_WINDOW,
        "attn_logit_softcapping": 5.0, "final_logit_softcapping": 4.0}, "spm", "gemma2"),
  Case("gemma2-scale", "Gemma2", "scores scaled by another number than a head's size; no caps",  # which GGUF does not say
       {"head_dim": 16, "query_pre_attn_scalar": 30, "sliding_window": WINDOW, "layer_types": FULL_AND_WINDOW,
        "attn_logit_softcapping": None, "final_logit_softcapping": None}, "spm", ""),
  Case("gemma3", "Gemma3", "q and k norms, sliding windows of some layers with a rope of their own, tied head",
       {"head_dim": 20, "query_pre_attn_scalar": 20, "sliding_window": WINDOW,
        "layer_types": ["sliding_attention"] * 5 + ["full_attention"] + ["sliding_attention"], "num_hidden_layers": 7,
        "rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}}, "spm", "gemma3"),
  Case("phi3", "Phi3", "fused projections, sliding window", {"sliding_window": WINDOW}, "spm", "phi3"),
  Case("phi3-long", "Phi3", "fused projections, LongRoPE",
       {"original_max_position_embeddings": 64, "sliding_window": None,
        **rope("longrope", short_factor=LONG[0], long_factor=LONG[1])}, "spm", "phi3"),
]


# --- weights -------------------------------------------------------------------------------------------------------------

def make_model(case: Case):
  """Weights of a size that makes every part matter: norms and biases are not 1 and 0, logits are not near one another."""
  torch.manual_seed(1)
  torch.set_num_threads(1)
  architecture = case.model_class.__name__
  config = case.config_class(**{**case.common, **case.config}, architectures=[architecture])
  config._attn_implementation = "eager"
  model = case.model_class(config).float().eval()
  with torch.no_grad():
    for name, p in model.named_parameters():
      if p.dim() > 1:
        p.normal_(std=0.5 if "embed_tokens" in name or ".wte" in name else 1.5 / p.shape[-1] ** 0.5)
      else:
        p.add_(torch.randn_like(p) * 0.2)
  return model


# --- tokenizers ----------------------------------------------------------------------------------------------------------

WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|"
         r"\s*[\r\n]+|\s+(?!\S)|\s+")


def train_tokenizer(pre: str, texts: list[str]) -> Tokenizer:
  """A byte-level tokenizer that splits as the family's own does."""
  tokenizer = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
  if pre == "gpt-2":
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  else:
    from tokenizers import Regex
    split = pre_tokenizers.Split(Regex(WORDS % ("{1,3}" if pre == "llama-bpe" else "")), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
  if pre == "qwen2":
    tokenizer.normalizer = normalizers.NFC()
  tokenizer.decoder = decoders.ByteLevel()
  trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["<|pad|>", "<|start|>", "<|end|>"],
                                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
  tokenizer.train_from_iterator(texts, trainer)
  return tokenizer


def make_tokenizer(case: Case, data: Path, texts: list[str], directory: Path):
  """tokenizer.json and what goes with it, in the model's directory."""
  if case.pre == "spm":
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
      shutil.copyfile(data / "models/stories260K/hf" / name, directory / name)
    (directory / "chat_template.jinja").write_text(PLAIN)
    return PreTrainedTokenizerFast.from_pretrained(directory)
  tokenizer = PreTrainedTokenizerFast(tokenizer_object=train_tokenizer(case.pre, texts), eos_token="<|end|>")
  tokenizer.chat_template = PLAIN
  tokenizer.save_pretrained(directory)
  return tokenizer


def put_tokenizer(case: Case, data: Path, directory: Path, out: gguf.GGUFWriter):
  """As llama.cpp's converter writes them. stories260K's tokens have scores, which are taken from its own GGUF."""
  if case.pre == "spm":
    reader = gguf.GGUFReader(data / "models/stories260K/gguf/stories260K.f32.gguf")
    value = lambda key: reader.fields["tokenizer.ggml." + key].contents()
    out.add_tokenizer_model("llama")
    out.add_token_list(value("tokens"))
    out.add_token_scores(value("scores"))
    out.add_token_types(value("token_type"))
  else:
    model = json.loads((directory / "tokenizer.json").read_text())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(case.pre)
    out.add_token_list(tokens)
    out.add_token_types([3 if i < 3 else 1 for i in range(len(tokens))])
    out.add_token_merges([" ".join(pair) for pair in model["merges"]])
    out.add_add_bos_token(False)
  out.add_chat_template(PLAIN)
  out.add_bos_token_id(1)
  out.add_eos_token_id(2)


# --- GGUF ----------------------------------------------------------------------------------------------------------------

def interleave(w: np.ndarray, heads: int) -> np.ndarray:
  """Rows of q and k in the order of Llama's GGUF: the halves of a head by turns."""
  return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def put_settings(case: Case, c, out: gguf.GGUFWriter):
  gpt2 = case.family == "GPT2"
  out.add_context_length(c.n_positions if gpt2 else c.max_position_embeddings)
  out.add_embedding_length(c.hidden_size)
  out.add_block_count(c.num_hidden_layers)
  out.add_feed_forward_length(c.n_inner if gpt2 else c.intermediate_size)
  out.add_head_count(c.num_attention_heads)
  if gpt2:
    out.add_layer_norm_eps(c.layer_norm_epsilon)
    return
  head = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
  out.add_head_count_kv(c.num_key_value_heads)
  out.add_layer_norm_rms_eps(c.rms_norm_eps)
  out.add_vocab_size(c.vocab_size)
  if case.family in ("Qwen3", "Gemma2", "Gemma3"):
    out.add_key_length(head)
    out.add_value_length(head)
  if case.family in ("Llama", "Phi3"):
    out.add_rope_dimension_count(head)
  put_rope(case, c, out)
  if case.family in ("Gemma2", "Gemma3", "Phi3") and c.sliding_window:
    out.add_sliding_window(c.sliding_window)
  if case.family == "Gemma2":
    out.add_attn_logit_softcapping(c.attn_logit_softcapping)
    out.add_final_logit_softcapping(c.final_logit_softcapping)


def put_rope(case: Case, c, out: gguf.GGUFWriter):
  parameters = c.rope_parameters
  if case.family == "Gemma3":
    out.add_rope_freq_base_swa(parameters["sliding_attention"]["rope_theta"])
    parameters = parameters["full_attention"]
  out.add_rope_freq_base(parameters["rope_theta"])
  if parameters["rope_type"] == "linear":
    out.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    out.add_rope_scaling_factor(parameters["factor"])
  elif parameters["rope_type"] == "longrope":
    out.add_rope_scaling_orig_ctx_len(c.original_max_position_embeddings)
    scale = c.max_position_embeddings / c.original_max_position_embeddings
    out.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(scale) / np.log(c.original_max_position_embeddings))))
    for which in ("long", "short"):
      out.add_tensor(f"rope_factors_{which}.weight", np.array(parameters[which + "_factor"], np.float32))
  elif parameters["rope_type"] == "llama3":
    out.add_tensor("rope_freqs.weight", llama3_divisors(c, parameters))


def llama3_divisors(c, p: dict) -> np.ndarray:
  half = c.hidden_size // c.num_attention_heads // 2
  wave = 2 * np.pi * p["rope_theta"] ** (np.arange(half) / half)
  n = p["original_max_position_embeddings"]
  smooth = np.clip((n / wave - p["low_freq_factor"]) / (p["high_freq_factor"] - p["low_freq_factor"]), 0, 1)
  return (1 / ((1 - smooth) / p["factor"] + smooth)).astype(np.float32)


def gguf_values(case: Case, c, name: str, w: np.ndarray) -> np.ndarray:
  if case.gguf == "llama" and ("q_proj" in name or "k_proj" in name):
    return interleave(w, c.num_attention_heads if "q_proj" in name else c.num_key_value_heads)
  if case.family.startswith("Gemma") and name.endswith("norm.weight"):
    return w + 1
  if case.family == "GPT2" and w.ndim == 2 and ".h." in name:
    return w.T
  return w


def write_gguf(case: Case, model, data: Path, directory: Path, path: Path):
  architecture = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}[case.gguf]
  names = gguf.get_tensor_name_map(architecture, model.config.num_hidden_layers)
  out = gguf.GGUFWriter(path, case.gguf)
  put_settings(case, model.config, out)
  put_tokenizer(case, data, directory, out)
  for name, p in model.named_parameters():  # a tied head once
    values = gguf_values(case, model.config, name, p.detach().numpy())
    out.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), np.ascontiguousarray(values))
  out.write_header_to_file()
  out.write_kv_data_to_file()
  out.write_tensors_to_file()
  out.close()


def make(case: Case, data: Path, texts: list[str], work: Path):
  """The model, its tokenizer, and where it stands: a directory, and a GGUF or None."""
  model, directory, file = make_model(case), work / "hf", work / "model.gguf"
  shutil.rmtree(work, ignore_errors=True)
  directory.mkdir(parents=True)
  model.save_pretrained(directory)
  tokenizer = make_tokenizer(case, data, texts, directory)
  if not case.gguf:
    return model, tokenizer, directory, None
  write_gguf(case, model, data, directory, file)
  return model, tokenizer, directory, file
