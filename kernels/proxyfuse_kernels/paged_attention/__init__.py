"""Causal attention over keys and values that a page table finds: softmax in float32."""
