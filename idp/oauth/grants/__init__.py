"""The grant types of the token endpoint, one file each; ``server.Grant`` holds what they share."""
