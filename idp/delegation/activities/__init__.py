"""What was done under a proxy login, as the relying parties report it."""
