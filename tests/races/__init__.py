"""Many requests at the same moment, against real worker processes: one wins, the others are told so."""
