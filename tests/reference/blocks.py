"""blocks.py N: N random blocks of each quantized type and the values that the package gguf decodes of them, a block a line:
type, bytes, bits of the f32 values, both in hexadecimal."""
import sys

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

TYPES = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
HALVES = {"Q4_1": [0, 2], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}  # places of f16 numbers, else 0

random = numpy.random.default_rng(7)
for name in TYPES:
    kind = GGMLQuantizationType[name]
    for _ in range(int(sys.argv[1])):
        block = random.integers(0, 256, GGML_QUANT_SIZES[kind][1], dtype=numpy.uint8)
        for at in HALVES.get(name, [0]):
            block[at + 1] &= 0xBF  # below 2: no infinity; subnormal ones occur
        values = quants.dequantize(block, kind).astype("<f4")
        print(name.lower(), block.tobytes().hex(), values.tobytes().hex())
