"""An agency's staff: who is invited, in which role and group, and who has left."""
