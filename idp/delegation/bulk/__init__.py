"""Many decisions at once, with a result for each; a repeated call is answered, not carried out, again."""
