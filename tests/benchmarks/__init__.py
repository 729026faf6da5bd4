"""Programs that measure charseq; none of them is a test."""
