"""One call of `fit`, around Algorithm 1."""
