"""proxyfuse: exact proxy-tuned decoding, faster than the untuned base."""
