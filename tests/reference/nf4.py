"""nf4.py BLOCKS SCALES [matrix]: what bitsandbytes makes of random weights, for tests/unit/blocks_test.c. A line each: kind, what
goes in, what comes back (both bits of f32), codes, all in hexadecimal.

nf4         blocks of 64 weights; no codes (-)
scales      of nf4 with double quantization: a block's largest weight, beside zeros, and the code of the block's scale
nf4_double  a whole matrix, and the codes of its blocks' scales
"""
import sys

import numpy
import torch
from bitsandbytes import functional

PORTABLE = torch._C.DispatchKeySet(torch._C.DispatchKey.CompositeExplicitAutograd)
random = numpy.random.default_rng(7)


def quantize(x, **options):
  """On the CPU bitsandbytes looks scales up in a table of 16 bits, which is not always the nearest code; here it is, as on GPUs. And
  the last bit of torch's mean depends on the order in which a device sums; here it is the exact mean's."""
  quantized, state = functional.quantize_4bit(x, blocksize=64, quant_type="nf4", **options)
  if state.nested:
    scales = x.reshape(-1, 64).abs().amax(1)
    state.offset = scales.double().mean().float()
    quantize_blockwise = torch.ops.bitsandbytes.quantize_blockwise.default
    state.absmax, state.state2.absmax = quantize_blockwise.redispatch(PORTABLE, scales - state.offset, state.state2.code, 256)
  return state, functional.dequantize_4bit(quantized, state)


def bits(values):
  return values.numpy().astype("<f4").tobytes().hex()


def blocks(n):
  """Of every size, every third of 16 bits; then near the middles between two entries, and zeros."""
  size = torch.from_numpy(10.0 ** random.uniform(-40, 4, (n, 1)).astype("<f4"))
  x = torch.from_numpy(random.normal(size=(n, 64)).astype("<f4")) * size
  x[::3] = x[::3].to(torch.bfloat16).float()
  code = functional.get_4bit_type("nf4", device="cpu")
  x[1::3, :15], x[1::3, 15:] = (code[:-1] + code[1:]) / 2 * size[1::3], size[1::3]
  x[1] = 0
  return x


x = blocks(int(sys.argv[1]))
print("nf4", bits(x), bits(quantize(x)[1]), "-")
for spread in (0.01, 0.3, 3.0):
  scales = torch.from_numpy(numpy.exp(random.normal(size=int(sys.argv[2])) * spread).astype("<f4") * 0.05)
  x = torch.zeros(len(scales), 64)
  x[:, 0] = scales
  state, y = quantize(x, compress_statistics=True)
  print("scales", bits(scales), bits(y[:, 0]), state.absmax.numpy().tobytes().hex())
if sys.argv[3:] == ["matrix"]:
  x = torch.from_numpy((random.normal(size=(576, 192)) * 0.02).astype("<f4"))
  state, y = quantize(x, compress_statistics=True)
  print("nf4_double", bits(x), bits(y), state.absmax.numpy().tobytes().hex())
