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
BFLOAT16_GRADIENT = {"rtol": 2e-2, "atol": 2e-2}  # 1.0e-2 seen
FLOAT16 = {"rtol": 2e-3, "atol": 2e-3}  # 11 bits of mantissa: 9e-4 seen
FLOAT16_GRADIENT = {"rtol": 5e-3, "atol": 5e-3}  # 2.1e-3 seen
PRINTED = {"rtol": 1e-5, "atol": 1e-6}  # known answers are printed with 7 or 8 digits
