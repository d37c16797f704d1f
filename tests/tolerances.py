"""Every tolerance of the suite. One is loosened only with a measured reason beside it."""

FLOAT32 = {"rtol": 1e-5, "atol": 1e-6}
FLOAT32_DIFFERENCES = {
    "rtol": 2e-2,
    "atol": 2e-2,
    "eps": 1e-2,
}  # check_grads: differences in float32
FLOAT32_DEEP = {
    "rtol": 1e-4,
    "atol": 1e-5,
}  # a whole model against itself, products in another order: 4e-6 seen
FIRST_STEPS = {
    "rtol": 0,
    "atol": 1e-4,
}  # loss of the first 20 steps, on one device and on many: 7e-7 seen
FLOAT64 = {"rtol": 1e-9, "atol": 1e-9}  # sums of a few float64 numbers, in another order

# Two libraries' float32 answers, relative to the largest value: 3e-7 seen over 6 steps.
LIBRARIES = 1e-5

# Recurrent kernels: 6 steps, gradients summed over rows and steps; seen relative to 1 + the value.
FLOAT32_GRADIENT = {"rtol": 1e-5, "atol": 1e-5}  # 1.3e-6 seen
FLOAT64_RECURRENT = {"rtol": 1e-12, "atol": 1e-12}  # the same sums in another order
FLOAT64_DIFFERENCES = {"rtol": 1e-7, "atol": 1e-7, "eps": 1e-5}  # central differences
BFLOAT16 = {"rtol": 5e-3, "atol": 5e-3}  # 8 bits of mantissa: 2.7e-3 seen
BFLOAT16_DEEP = {"rtol": 0, "atol": 0.1}  # a whole net's scores; what it read is 8 bits too
BFLOAT16_GRADIENT = {"rtol": 2e-2, "atol": 2e-2}  # 1.0e-2 seen
FLOAT16 = {"rtol": 2e-3, "atol": 2e-3}  # 11 bits of mantissa: 9e-4 seen
FLOAT16_GRADIENT = {"rtol": 5e-3, "atol": 5e-3}  # 2.1e-3 seen
PRINTED = {"rtol": 1e-5, "atol": 1e-6}  # known answers are printed with 7 or 8 digits

# CTC over 1,500 frames: losses of thousands, gradients as exact as over 8.
LONG_LOSS = {"rtol": 1e-6, "atol": 0}  # 6e-8 seen
LONG_LOSS_GRADIENT = {"rtol": 0, "atol": 2e-5}  # 2.1e-6 seen; 4e-3 where logarithms are summed

# Logarithms of powers, over a range of 1e9 between loud and quiet bands, in float32: against
# Kaldi's, in float32 as well, 6e-4 seen; against a float64 loop 4e-4.
LOG_MEL = {"rtol": 0, "atol": 2e-3}

# Where the middle of a white pixel is, read from between two, in pixels: 0.06 seen where the
# picture is turned, 1e-6 elsewhere.
DOTS = {"rtol": 0, "atol": 0.1}

# What is stored in 8 bits, against what was to be stored: half a step.
EIGHT_BITS = {"rtol": 0, "atol": 0.5 / 255 + 1e-6}

# A distance of a few voxels, read between them as if it were linear there: 8e-3 seen, of 1.
BETWEEN_VOXELS = {"rtol": 0, "atol": 2e-2}

# Shares among 8,000 draws: four standard deviations of the most uncertain one are 0.022.
DRAWN = {"rtol": 0, "atol": 0.025}
