"""Which member or group of an agency looks after which owner, where the agency wants that."""
