"""What RFCs and OpenID texts ask of this server, one file for each, over HTTP."""
