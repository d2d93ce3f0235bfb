"""Records of which of an owner's data went to which agency (個人情報保護法 29条・30条), then erased."""
