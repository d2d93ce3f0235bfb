"""An agency's link and leaflet: they open the owner's consent with the agency filled in, no more."""
