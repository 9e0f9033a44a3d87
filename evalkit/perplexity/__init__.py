"""Perplexity of texts by length under RoPE conditions."""
