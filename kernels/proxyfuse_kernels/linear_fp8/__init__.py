"""`linear` over weights of 8 bits: e4m3, with one float32 scale for each output.

A weight w of an output whose largest is m is kept as the nearest of e4m3 to 448 w / m: within one
part in 16 of w, or, near nothing, within m / 448 / 1024. See docs/decisions/fp8.md.
"""
