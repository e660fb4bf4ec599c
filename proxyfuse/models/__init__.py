"""What a model is (config, weights) and what it computes (decoder), for the Llama family."""
