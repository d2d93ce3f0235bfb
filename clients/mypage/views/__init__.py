"""The pages of マイページ, a file for each thing that a person comes to see or do; no rule, no data."""
