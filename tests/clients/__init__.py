"""Tests of the relying parties: the kit, マイページ and the agency portal, each against a played server."""
