"""Plan, launch, settle; the loop on its own thread; the `LLM` that callers hold."""
