"""What relying parties let agencies do, in the words that owners read before they allow it."""
